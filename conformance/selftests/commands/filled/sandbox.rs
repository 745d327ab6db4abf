//! A sandbox without an engine: it counts calls and shows what it was granted. See test_scaffolds.py.
use crate::Fault;
use std::collections::BTreeMap;

pub const NAME: &str = "filled";
pub const VERSION: &str = "0.1";
#[rustfmt::skip]
pub const FEATURES: &[&str] = &[
    "sandbox.abi.memory", "sandbox.abi.wasi", "sandbox.fuel", "sandbox.table", "sandbox.time", "sandbox.traps",
    "sandbox.keep", "sandbox.atomic", "sandbox.snapshot", "sandbox.export", "sandbox.tank", "sandbox.suspend",
    "sandbox.env", "sandbox.random", "sandbox.clock", "sandbox.files",
];
pub const FUEL_SLACK: u64 = 5;
pub struct Instance(u8);
pub struct Snapshot(u8);
pub struct Limits {
    pub pages: u64,
    pub ms: Option<u64>,
    pub fuel: Option<u64>,
    pub table: Option<u64>,
    pub suspend: bool,
}
#[derive(Default)]
pub struct Grants {
    pub args: Option<Vec<String>>,
    pub env: Option<BTreeMap<String, String>>,
    pub random: Option<Vec<u8>>,
    pub clock: Option<u64>,
    pub files: Option<BTreeMap<String, Vec<u8>>>,
}
#[derive(Default)]
pub struct Ended {
    pub outcome: String,
    pub output: Vec<u8>,
    pub used: u64,
    pub instance: Option<Instance>,
    pub files: Option<BTreeMap<String, Vec<u8>>>,
}

pub fn run(module: &[u8], limits: &Limits, grants: &Grants) -> Result<Ended, Fault> {
    if !module.starts_with(b"\0asm") {
        return Ok(Ended { outcome: "unresolved:module".into(), instance: Some(Instance(0)), ..Ended::default() });
    }
    let mut output = vec![1];
    output.extend(grants.random.iter().flatten());
    output.extend(grants.args.iter().flatten().flat_map(|text| text.bytes()));
    output.extend(grants.env.iter().flatten().flat_map(|(_, text)| text.bytes()));
    output.extend(grants.clock.iter().flat_map(|time| time.to_string().into_bytes()));
    let turned = |(path, data): (&String, &Vec<u8>)| (path.clone(), data.iter().rev().copied().collect());
    let files = grants.files.as_ref().map(|files| files.iter().map(turned).collect());
    Ok(Ended { output, files, ..again(Instance(0), limits)? })
}

pub fn again(instance: Instance, limits: &Limits) -> Result<Ended, Fault> {
    if limits.suspend && limits.fuel == Some(1) {
        let outcome = "suspended".into();
        return Ok(Ended { outcome, used: 1, instance: Some(instance), ..Ended::default() });
    }
    if limits.ms == Some(1) {
        return Ok(Ended { outcome: "timeout".into(), ..Ended::default() });
    }
    let calls = instance.0 + 1;
    let used = limits.fuel.unwrap_or(limits.pages);
    let instance = Some(Instance(calls));
    Ok(Ended { outcome: "done".into(), output: vec![calls], used, instance, files: None })
}

pub fn snapshot(instance: &Instance) -> Result<Snapshot, Fault> {
    if instance.0 == 3 { Err(Fault::Refused("rejected")) } else { Ok(Snapshot(instance.0)) }
}

pub fn resume(snapshot: &Snapshot) -> Result<Instance, Fault> {
    Ok(Instance(snapshot.0))
}

pub fn export_bytes(snapshot: &Snapshot, fuel: Option<u64>) -> Result<Vec<u8>, Fault> {
    Ok([b'c', snapshot.0].into_iter().chain(fuel.map(|units| units as u8)).collect())
}

pub fn import_bytes(data: &[u8]) -> Result<Snapshot, Fault> {
    if data[0] == b'c' { Ok(Snapshot(data[1])) } else { Err(Fault::Refused("malformed")) }
}
