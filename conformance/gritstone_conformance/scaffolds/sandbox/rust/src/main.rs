//! The adapter that connects my-runtime to the conformance suite, as a sandbox. `sandbox.rs` has what to fill in.
//!
//! It reads one request per line on standard input and writes one reply per line on standard output. It decodes and
//! checks the arguments, keeps the handles of instances and snapshots, and calls the functions of `sandbox.rs`.
#![allow(dead_code)] // of limits and grants that `sandbox.rs` does not read yet
mod json;
mod sandbox;

use json::{read, Json};
use sandbox::{Ended, Grants, Instance, Limits, Snapshot, FEATURES};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};

const WINDOW: u64 = 64;
const FRAME_BYTES: u64 = 16_777_216;

/// A reply other than `ok`.
pub enum Fault {
    /// A refusal: the class malformed, invalid, missing, rejected or exhausted.
    Refused(&'static str),
    /// An error of this program, or invalid arguments (harness.reply.fault-is-error).
    Error(String),
    /// An operation that is not implemented, or the feature that it needs.
    Unsupported(String),
}

fn wrong(message: &str) -> Fault {
    Fault::Error(message.into())
}

/// The instances and snapshots by their handles, which are i1, s2, i3 and so on.
#[derive(Default)]
struct Copies {
    instances: HashMap<String, Instance>,
    snapshots: HashMap<String, Snapshot>,
    made: u64,
}

impl Copies {
    /// Answers one request. An operation that is not here is answered `unsupported` (harness.reply.total).
    fn answer(&mut self, op: &str, args: Option<Json>) -> Result<Json, Fault> {
        match op {
            "hello" => hello(taken(args, ["protocol", "suite", "spec", "frame_bytes", "window"])?),
            "ping" | "bye" => taken(args, []).map(|_| Json::Map(vec![])),
            "sandbox.run" => {
                let (args, suspend) = suspended(args)?;
                self.run(taken(args, ["module", "limits", "grants", "keep"])?, suspend)
            }
            "sandbox.again" => needs("keep").and_then(|()| {
                let (args, suspend) = suspended(args)?;
                self.again(taken(args, ["instance", "limits"])?, suspend)
            }),
            "sandbox.close" => needs("keep").and_then(|()| self.close(taken(args, ["handle"])?)),
            "sandbox.snapshot" => needs("snapshot").and_then(|()| {
                let [handle] = taken(args, ["instance"])?;
                let copy = sandbox::snapshot(known(&self.instances, &handled(handle)?)?)?;
                Ok(self.keep_snapshot(copy))
            }),
            "sandbox.resume" => needs("snapshot").and_then(|()| {
                let [handle] = taken(args, ["snapshot"])?;
                let copy = sandbox::resume(known(&self.snapshots, &handled(handle)?)?)?;
                Ok(Json::Map(vec![member("instance", self.keep_instance(copy))]))
            }),
            "sandbox.export" => needs("export").and_then(|()| {
                let (handle, fuel) = exported(args)?;
                let data = sandbox::export_bytes(known(&self.snapshots, &handled(handle)?)?, fuel)?;
                Ok(Json::Map(vec![member("bytes", encoded(&data))]))
            }),
            "sandbox.import" => needs("export").and_then(|()| {
                let [data] = taken(args, ["bytes"])?;
                let copy = sandbox::import_bytes(&decoded(data)?)?;
                Ok(self.keep_snapshot(copy))
            }),
            _ => Err(Fault::Unsupported(op.into())),
        }
    }

    fn run(&mut self, [module, limits, grants, keep]: [Json; 4], suspend: Option<bool>) -> Result<Json, Fault> {
        let Json::Bool(keep) = keep else { return Err(wrong("keep is no truth value")) };
        if keep {
            needs("keep")?;
        }
        if suspend.is_some() && !keep {
            return Err(wrong("suspend needs keep"));
        }
        let ended = sandbox::run(&decoded(module)?, &limits_of(limits, suspend)?, &grants_of(grants)?)?;
        let runs = keep && !ended.outcome.starts_with("unresolved");
        let (mut reply, instance) = report(ended);
        let handle = instance.filter(|_| runs).map(|instance| self.keep_instance(instance));
        reply.push(member("instance", handle.unwrap_or(Json::Null)));
        Ok(Json::Map(reply))
    }

    /// Calls the entry of a kept instance, and drops the handle if no instance is left.
    fn again(&mut self, [handle, limits]: [Json; 2], suspend: Option<bool>) -> Result<Json, Fault> {
        let (handle, limits) = (handled(handle)?, limits_of(limits, suspend)?);
        let instance = self.instances.remove(&handle).ok_or(Fault::Refused("missing"))?;
        let (reply, instance) = report(sandbox::again(instance, &limits)?);
        self.instances.extend(instance.map(|instance| (handle, instance)));
        Ok(Json::Map(reply))
    }

    /// Drops an instance or a snapshot.
    fn close(&mut self, [handle]: [Json; 1]) -> Result<Json, Fault> {
        let handle = handled(handle)?;
        let closed = self.instances.remove(&handle).is_some() || self.snapshots.remove(&handle).is_some();
        if closed { Ok(Json::Map(vec![])) } else { Err(Fault::Refused("missing")) }
    }

    fn keep_instance(&mut self, copy: Instance) -> Json {
        self.made += 1;
        self.instances.insert(format!("i{}", self.made), copy);
        Json::Text(format!("i{}", self.made))
    }

    fn keep_snapshot(&mut self, copy: Snapshot) -> Json {
        self.made += 1;
        self.snapshots.insert(format!("s{}", self.made), copy);
        Json::Map(vec![member("snapshot", Json::Text(format!("s{}", self.made)))])
    }
}

/// Reads the arguments of `sandbox.export`; `fuel` may be present if sandbox.tank is claimed.
fn exported(args: Option<Json>) -> Result<(Json, Option<u64>), Fault> {
    let is_given = matches!(&args, Some(Json::Map(args)) if args.iter().any(|arg| arg.0 == "fuel"));
    if !is_given || !is_claimed("tank") {
        let [handle] = taken(args, ["snapshot"])?;
        return Ok((handle, None));
    }
    match taken(args, ["snapshot", "fuel"])? {
        [handle, Json::Number(fuel)] if fuel < 1 << 53 => Ok((handle, Some(fuel))),
        _ => Err(wrong("fuel is out of range")),
    }
}

/// Takes `suspend` out of the arguments, if it is there and sandbox.suspend is claimed.
fn suspended(args: Option<Json>) -> Result<(Option<Json>, Option<bool>), Fault> {
    let Some(Json::Map(mut args)) = args else { return Ok((args, None)) };
    let at = args.iter().position(|arg| arg.0 == "suspend").filter(|_| is_claimed("suspend"));
    let suspend = match at.map(|at| args.remove(at).1) {
        None => None,
        Some(Json::Bool(suspend)) => Some(suspend),
        Some(_) => return Err(wrong("suspend is no truth value")),
    };
    Ok((Some(Json::Map(args)), suspend))
}

/// Returns what a handle names; a handle of the other kind is missing too.
fn known<'a, T>(copies: &'a HashMap<String, T>, handle: &str) -> Result<&'a T, Fault> {
    copies.get(handle).ok_or(Fault::Refused("missing"))
}

/// Reads a handle: 1 to 128 printable characters.
fn handled(value: Json) -> Result<String, Fault> {
    let text = texted(value)?;
    let printable = text.bytes().all(|sign| sign.is_ascii_graphic());
    if printable && matches!(text.len(), 1..=128) { Ok(text) } else { Err(wrong("a handle is invalid")) }
}

fn is_claimed(feature: &str) -> bool {
    FEATURES.iter().any(|name| name.strip_prefix("sandbox.") == Some(feature))
}

fn needs(feature: &str) -> Result<(), Fault> {
    if is_claimed(feature) { Ok(()) } else { Err(Fault::Unsupported(format!("sandbox.{feature}"))) }
}

/// Returns the reply to a call, and its instance; `used` is null without sandbox.fuel.
fn report(ended: Ended) -> (Vec<(String, Json)>, Option<Instance>) {
    let used = if is_claimed("fuel") { Json::Number(ended.used) } else { Json::Null };
    let outcome = member("outcome", Json::Text(ended.outcome));
    let mut reply = vec![outcome, member("output", encoded(&ended.output)), member("used", used)];
    if let Some(files) = ended.files {
        let files = files.into_iter().map(|(path, data)| (path, encoded(&data))).collect();
        reply.push(member("files", Json::Map(files)));
    }
    (reply, ended.instance)
}

/// Decodes the limits of a call. Without `suspend` a call whose fuel is spent is not kept.
fn limits_of(value: Json, suspend: Option<bool>) -> Result<Limits, Fault> {
    let [pages, ms, fuel, table] = taken(Some(value), ["pages", "ms", "fuel", "table"])?;
    let within = |value: Json, least: u64, most: u64| match value {
        Json::Null => Ok(None),
        Json::Number(number) if (least..=most).contains(&number) => Ok(Some(number)),
        _ => Err(wrong("a limit is out of range")),
    };
    let pages = within(pages, 16, 1024)?.filter(|pages| pages % 16 == 0).ok_or_else(|| wrong("pages is invalid"))?;
    let (ms, fuel) = (within(ms, 1, 60_000)?, within(fuel, 1, (1 << 53) - 1)?);
    Ok(Limits { pages, ms, fuel, table: within(table, 0, 1_000_000)?, suspend: suspend.unwrap_or(false) })
}

/// Decodes the grants, each only if its feature is claimed.
fn grants_of(value: Json) -> Result<Grants, Fault> {
    let Json::Map(given) = value else { return Err(wrong("grants is no object")) };
    let mut grants = Grants::default();
    for (name, value) in given {
        match (name.as_str(), value) {
            ("args", Json::List(all)) if is_claimed("env") => {
                grants.args = Some(all.into_iter().map(texted).collect::<Result<_, _>>()?);
            }
            ("env", Json::Map(all)) if is_claimed("env") => grants.env = Some(mapped(all, texted)?),
            ("random", seed) if is_claimed("random") => grants.random = Some(decoded(seed)?),
            ("clock", Json::Number(time)) if is_claimed("clock") => grants.clock = Some(time),
            ("files", Json::Map(all)) if is_claimed("files") => grants.files = Some(mapped(all, decoded)?),
            _ => return Err(wrong(&format!("the grant {name} is invalid or not claimed"))),
        }
    }
    Ok(grants)
}

fn mapped<T>(all: Vec<(String, Json)>, each: fn(Json) -> Result<T, Fault>) -> Result<BTreeMap<String, T>, Fault> {
    all.into_iter().map(|(name, value)| Ok((name, each(value)?))).collect()
}

fn texted(value: Json) -> Result<String, Fault> {
    if let Json::Text(text) = value { Ok(text) } else { Err(wrong("expected a text")) }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Encodes bytes as base64url without padding (harness.bytes.canonical).
fn encoded(data: &[u8]) -> Json {
    let mut text = String::with_capacity(data.len() * 4 / 3 + 3);
    for part in data.chunks(3) {
        let bits = part.iter().enumerate().fold(0, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        text.extend((0..=part.len()).map(|at| char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize])));
    }
    Json::Text(text)
}

fn decoded(value: Json) -> Result<Vec<u8>, Fault> {
    let text = texted(value)?;
    let mut data = Vec::with_capacity(text.len() * 3 / 4);
    for part in text.as_bytes().chunks(4) {
        let mut bits = 0;
        for (at, sign) in part.iter().enumerate() {
            let digit = DIGITS.iter().position(|digit| digit == sign).ok_or_else(|| wrong("not base64url"))?;
            bits |= (digit as u32) << (18 - 6 * at);
        }
        data.extend((1..part.len()).map(|at| (bits >> (24 - 8 * at)) as u8));
    }
    if encoded(&data) == Json::Text(text) { Ok(data) } else { Err(wrong("not the canonical base64url")) }
}

/// Returns the arguments with these names; a missing or an additional one is an error.
fn taken<const N: usize>(args: Option<Json>, names: [&str; N]) -> Result<[Json; N], Fault> {
    let Some(Json::Map(args)) = args else { return Err(wrong("args are not an object")) };
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
        return Err(wrong("an argument is of the wrong type"));
    };
    let number = |part: &str| part.parse::<u64>().is_ok_and(|number| number.to_string() == part);
    let version = spec.len() <= 16 && spec.split('.').count() == 2 && spec.split('.').all(number);
    let small = protocols.iter().any(|one| !matches!(one, Json::Number(1..))) || frame < 4_194_304 || window < 1;
    if small || protocols.is_empty() || suite.is_empty() || !version {
        return Err(wrong("an argument does not fit"));
    }
    if !protocols.contains(&Json::Number(1)) {
        return Err(Fault::Refused("rejected"));
    }
    let text = |text: &str| Json::Text(text.into());
    let implementation = vec![
        member("name", text(sandbox::NAME)),
        member("version", text(sandbox::VERSION)),
        member("language", text("rust")),
    ];
    let limits = vec![
        member("window", Json::Number(window.min(WINDOW))),
        member("frame_bytes", Json::Number(frame.min(FRAME_BYTES))),
        member("fuel_slack", Json::Number(sandbox::FUEL_SLACK)),
    ];
    Ok(Json::Map(vec![
        member("protocol", Json::Number(1)),
        member("implementation", Json::Map(implementation)),
        member("spec", Json::List(vec![text("0.6")])),
        member("formats", Json::List(vec![])),
        member("profiles", Json::List(vec![text("sandbox")])),
        member("features", Json::List(FEATURES.iter().map(|name| text(name)).collect())),
        member("limits", Json::Map(limits)),
    ]))
}

fn member(name: &str, value: Json) -> (String, Json) {
    (name.into(), value)
}

fn object(name: &str, text: String) -> Json {
    Json::Map(vec![member(name, Json::Text(text))])
}

/// Answers each line, and ends after `bye` or when the input ends (harness.process.ends).
fn main() -> io::Result<()> {
    let mut copies = Copies::default();
    for line in io::stdin().lock().lines() {
        let line = line?;
        // A line that is nested too deeply is read without its args (harness.reply.deep-args).
        let cut = || line.split(",\"args\":").take(1).collect::<String>() + "}";
        let Ok(Json::Map(request)) = read(&line).or_else(|_| read(&cut())) else { continue };
        let find = |name| request.iter().find(|member| member.0 == name).map(|member| member.1.clone());
        let (Some(Json::Text(op)), Some(seq)) = (find("op"), find("seq")) else { continue };
        // A panic in an operation must not end the process.
        let answered = catch_unwind(AssertUnwindSafe(|| copies.answer(&op, find("args"))));
        let answered = match answered.unwrap_or_else(|_| Err(wrong("panicked: see standard error"))) {
            Ok(ok) => member("ok", ok),
            Err(Fault::Unsupported(feature)) => member("unsupported", object("feature", feature)),
            Err(Fault::Error(message)) => member("error", object("message", message)),
            Err(Fault::Refused(class)) => member("refused", object("class", class.into())),
        };
        println!("{}", Json::Map(vec![member("seq", seq), answered.clone()]));
        io::stdout().flush()?; // harness.frame.flush: the suite waits for this line
        if op == "bye" && answered.0 == "ok" {
            break;
        }
    }
    Ok(())
}
