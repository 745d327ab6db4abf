//! JSON as the suite uses it: integers, and no repeated members (harness.json.plain).
//! If you can use dependencies, use `serde_json` instead.
use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(u64),
    Text(String),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

/// The maximum depth: `value` is recursive, and its stack is limited (harness.reply.deep-args).
const DEPTH: usize = 64;

/// Parses a complete line.
pub fn read(line: &str) -> Result<Json, String> {
    let mut reader = Reader { line, at: 0, depth: 0 };
    let value = reader.value()?;
    reader.blank();
    if reader.at == line.len() {
        Ok(value)
    } else {
        Err(format!("surplus at {}", reader.at))
    }
}

struct Reader<'a> {
    line: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.line[self.at..]
    }

    fn blank(&mut self) {
        self.at = self.line.len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn takes(&mut self, word: &str) -> bool {
        self.blank();
        let there = self.rest().starts_with(word);
        self.at += if there { word.len() } else { 0 };
        there
    }

    fn needs(&mut self, word: &str) -> Result<(), String> {
        if self.takes(word) {
            Ok(())
        } else {
            Err(format!("no {word} at {}", self.at))
        }
    }

    fn value(&mut self) -> Result<Json, String> {
        if self.depth == DEPTH {
            return Err(format!("more than {DEPTH} levels"));
        }
        self.depth += 1;
        let value = self.shallow();
        self.depth -= 1;
        value
    }

    fn shallow(&mut self) -> Result<Json, String> {
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if self.takes(word) {
                return Ok(value);
            }
        }
        if self.takes("[") {
            let mut list = vec![];
            while !self.takes("]") {
                if !list.is_empty() {
                    self.needs(",")?;
                }
                list.push(self.value()?);
            }
            return Ok(Json::List(list));
        }
        if self.takes("{") {
            let mut map: Vec<(String, Json)> = vec![];
            while !self.takes("}") {
                if !map.is_empty() {
                    self.needs(",")?;
                }
                self.needs("\"")?;
                let name = self.text()?;
                self.needs(":")?;
                if map.iter().any(|member| member.0 == name) {
                    return Err(format!("{name} is there twice"));
                }
                map.push((name, self.value()?));
            }
            return Ok(Json::Map(map));
        }
        if self.takes("\"") {
            self.text().map(Json::Text)
        } else {
            self.number()
        }
    }

    fn number(&mut self) -> Result<Json, String> {
        let digits: String = self.rest().chars().take_while(char::is_ascii_digit).collect();
        self.at += digits.len();
        digits.parse().map(Json::Number).map_err(|_| format!("no value that frames hold at {}", self.at))
    }

    fn text(&mut self) -> Result<String, String> {
        let mut text = String::new();
        loop {
            let plain = self.rest().find(['"', '\\']).ok_or("a text without end")?;
            text += &self.rest()[..plain];
            self.at += plain + 1;
            if self.line.as_bytes()[self.at - 1] == b'"' {
                return Ok(text);
            }
            let sign = self.rest().chars().next().ok_or("an escape without end")?;
            self.at += sign.len_utf8();
            let plain = "\"\\/bfnrt".find(sign).map(|place| b"\"\\/\x08\x0c\n\r\t"[place] as char);
            text.push(match plain {
                Some(plain) => plain,
                None if sign == 'u' => self.escaped()?,
                None => return Err(format!("\\{sign}")),
            });
        }
    }

    /// Parses the characters after `\u`: one UTF-16 code unit, or two.
    fn escaped(&mut self) -> Result<char, String> {
        let mut units = vec![self.unit()?];
        if matches!(units[0], 0xd800..=0xdbff) && self.rest().starts_with("\\u") {
            self.at += 2;
            units.push(self.unit()?);
        }
        let text = String::from_utf16(&units).map_err(|_| "a lone surrogate")?;
        text.chars().next().ok_or_else(|| "no character".into())
    }

    fn unit(&mut self) -> Result<u16, String> {
        let hex = self.rest().get(..4).ok_or("an escape without end")?;
        let unit = u16::from_str_radix(hex, 16).map_err(|fault| fault.to_string())?;
        self.at += 4;
        Ok(unit)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let joined = |all: Vec<String>| all.join(",");
        match self {
            Json::Null => write!(out, "null"),
            Json::Bool(value) => write!(out, "{value}"),
            Json::Number(value) => write!(out, "{value}"),
            Json::Text(text) => write!(out, "{}", quoted(text)),
            Json::List(all) => write!(out, "[{}]", joined(all.iter().map(Json::to_string).collect())),
            Json::Map(all) => write!(
                out,
                "{{{}}}",
                joined(all.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect())
            ),
        }
    }
}

fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|sign| match sign {
            '"' | '\\' => format!("\\{sign}"),
            '\0'..='\x1f' => format!("\\u{:04x}", sign as u32),
            _ => sign.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}
