//! The adapter that connects my-runtime to the conformance suite.
//! It reads one request per line on standard input and writes one reply per line on standard output. Write only
//! replies to standard output, and other text with `eprintln!`.
mod json;

use json::{read, Json};
use std::io::{self, BufRead, Write};

/// The answer to `hello`, without the limits.
/// `spec` has the versions of the spec that my-runtime implements; "cbor-blake3" is the other format.
/// In `profiles` first "grit", then "wit", "runtime" and "wasm". Claim only what you implement (harness.hello.honest).
/// In `features` optional features; harness.hello.closed lists what each requires.
const CLAIMS: &str = r#"{
  "protocol": 1,
  "implementation": {"name": "my-runtime", "version": "0.1", "language": "rust"},
  "spec": ["0.6"],
  "formats": ["framed-sha256"],
  "profiles": [],
  "features": []
}"#;

/// A profile requires limits, which the suite tests (harness.hello.limits). These are the minimums of grit:
/// ("object_bytes", 1_048_576), ("tree_depth", 1024), ("cas_names", 64), ("refs", 10_000),
const LIMITS: &[(&str, u64)] = &[("window", 64), ("frame_bytes", 16_777_216)];

/// A reply other than `ok`.
enum Fault {
    /// A refusal: the class malformed, invalid, missing, rejected or exhausted, and a message.
    Refused(&'static str, String),
    /// An error of this program, or invalid arguments (harness.reply.fault-is-error).
    Error(String),
    /// An operation that is not implemented.
    Unsupported(String),
}

/// Answers one request. An operation that is not here is answered `unsupported` (harness.reply.total), so the
/// adapter conforms while you add one operation after another. Names, arguments and answers are listed in
/// spec/harness/operations.rst; bytes are sent as base64url without padding (harness.bytes.canonical). Start with
/// grit.id, grit.decode and grit.encode, then run the doctor to see what is next.
fn answer(op: &str, args: Option<Json>) -> Result<Json, Fault> {
    match op {
        "hello" => hello(taken(args, ["protocol", "suite", "spec", "frame_bytes", "window"])?),
        "ping" | "bye" => taken(args, []).map(|_| Json::Map(vec![])),
        _ => Err(Fault::Unsupported(op.into())),
    }
}

/// Returns the arguments with these names; a missing or an additional one is an error.
fn taken<const N: usize>(args: Option<Json>, names: [&str; N]) -> Result<[Json; N], Fault> {
    let Some(Json::Map(args)) = args else { return Err(Fault::Error("args are not an object".into())) };
    let given = args.len();
    let found: Vec<Json> =
        names.iter().filter_map(|name| args.iter().find(|arg| arg.0 == *name).map(|arg| arg.1.clone())).collect();
    let fits = <[Json; N]>::try_from(found).ok().filter(|_| given == N);
    fits.ok_or_else(|| Fault::Error(format!("takes {names:?} and no other arguments")))
}

/// Returns the name and the claims; the smaller limit of both sides applies.
fn hello([protocol, suite, spec, frame, window]: [Json; 5]) -> Result<Json, Fault> {
    let (Json::List(protocols), Json::Text(suite), Json::Text(spec), Json::Number(frame), Json::Number(window)) =
        (protocol, suite, spec, frame, window)
    else {
        return Err(Fault::Error("an argument is of the wrong type".into()));
    };
    let number = |part: &str| part.parse::<u64>().is_ok_and(|number| number.to_string() == part);
    let version = spec.len() <= 16 && spec.split('.').count() == 2 && spec.split('.').all(number);
    let small = protocols.iter().any(|one| !matches!(one, Json::Number(1..))) || frame < 4_194_304 || window < 1;
    if small || protocols.is_empty() || suite.is_empty() || !version {
        return Err(Fault::Error("an argument does not fit".into()));
    }
    if !protocols.contains(&Json::Number(1)) {
        return Err(Fault::Refused("rejected", "only protocol 1 is supported".into()));
    }
    let limit = |(name, most): &(&str, u64)| {
        let offered = match *name {
            "window" => window,
            "frame_bytes" => frame,
            _ => u64::MAX,
        };
        (name.to_string(), Json::Number(offered.min(*most)))
    };
    let Ok(Json::Map(mut said)) = read(CLAIMS) else { unreachable!("CLAIMS is an object") };
    said.push(("limits".into(), Json::Map(LIMITS.iter().map(limit).collect())));
    Ok(Json::Map(said))
}

fn member(name: &str, value: Json) -> (String, Json) {
    (name.into(), value)
}

fn object(name: &str, text: String) -> Json {
    Json::Map(vec![member(name, Json::Text(text))])
}

/// Answers each line, and ends after `bye` or when the input ends (harness.process.ends).
fn main() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        // A line that is nested too deeply is read without its args (harness.reply.deep-args).
        let cut = || line.split(",\"args\":").take(1).collect::<String>() + "}";
        let Ok(Json::Map(request)) = read(&line).or_else(|_| read(&cut())) else { continue };
        let find = |name| request.iter().find(|member| member.0 == name).map(|member| member.1.clone());
        let (Some(Json::Text(op)), Some(seq)) = (find("op"), find("seq")) else { continue };
        let answered = match answer(&op, find("args")) {
            Ok(ok) => member("ok", ok),
            Err(Fault::Unsupported(feature)) => member("unsupported", object("feature", feature)),
            Err(Fault::Error(message)) => member("error", object("message", message)),
            Err(Fault::Refused(class, message)) => {
                let told = vec![member("class", Json::Text(class.into())), member("message", Json::Text(message))];
                member("refused", Json::Map(told))
            }
        };
        println!("{}", Json::Map(vec![member("seq", seq), answered.clone()]));
        io::stdout().flush()?; // harness.frame.flush: the suite waits for this line
        if op == "bye" && answered.0 == "ok" {
            break;
        }
    }
    Ok(())
}
