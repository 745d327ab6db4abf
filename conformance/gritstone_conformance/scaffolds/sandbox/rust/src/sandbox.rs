//! my-runtime as a sandbox: the functions that the adapter calls, to be filled in with the calls of my-runtime.
//!
//! The suite brings every module; nothing has to be ported. `gritstone doctor` reports what to fill in next, and
//! docs/howto-sandbox.rst is the guide. Print only with `eprintln!`, because standard output carries the replies.
use crate::Fault;
use std::collections::BTreeMap;

pub const NAME: &str = "my-runtime";
pub const VERSION: &str = "0.1";

/// Claim only what you implement (harness.hello.honest). The floor is one ABI, and time or fuel (sandbox.hello.floor).
/// ABIs: sandbox.abi.memory, sandbox.abi.wasi, sandbox.abi.extism (spec/sandbox/abi.rst).
/// Then, one after another: sandbox.fuel, sandbox.table, sandbox.traps, sandbox.keep, sandbox.atomic, sandbox.snapshot,
/// sandbox.export, sandbox.tank, sandbox.suspend, sandbox.wide, and with WASI sandbox.env, sandbox.random,
/// sandbox.clock, sandbox.files.
pub const FEATURES: &[&str] = &["sandbox.abi.memory", "sandbox.time"];

/// For sandbox.fuel: the most units that a call may use before the engine notices that they are spent, up to 65,536.
pub const FUEL_SLACK: u64 = 0;

/// What `again` needs to call an instance once more.
pub struct Instance;

/// A copy of the state of an instance.
pub struct Snapshot;

/// The limits of a call. `pages` always holds; ignore another one if it is `None` or its feature is not claimed.
pub struct Limits {
    pub pages: u64,         // of 64 KiB: of the memory
    pub ms: Option<u64>,    // sandbox.time: milliseconds
    pub fuel: Option<u64>,  // sandbox.fuel: in your own units
    pub table: Option<u64>, // sandbox.table: elements of all tables together
    pub suspend: bool,      // sandbox.suspend: if the fuel is spent, keep the call, and the outcome is "suspended"
}

/// What the guest may see; a member is `None` if it is not granted or its feature is not claimed.
#[derive(Default)]
pub struct Grants {
    pub args: Option<Vec<String>>,                // sandbox.env
    pub env: Option<BTreeMap<String, String>>,    // sandbox.env
    pub random: Option<Vec<u8>>,                  // sandbox.random: the seed, 32 bytes
    pub clock: Option<u64>,                       // sandbox.clock: the time in nanoseconds
    pub files: Option<BTreeMap<String, Vec<u8>>>, // sandbox.files: relative paths and bytes
}

/// How a call ended.
#[derive(Default)]
pub struct Ended {
    /// One of the texts of spec/sandbox/outcomes.rst. "done": the entry returned. "failed": a trap ("failed:trap:<t>"
    /// with sandbox.traps). "timeout", "exhausted:fuel", "exhausted:stack": a limit.
    pub outcome: String,
    /// If the outcome is "done", what the module wrote; its ABI defines where this is.
    pub output: Vec<u8>,
    /// With sandbox.fuel, the units that the call used.
    pub used: u64,
    /// With sandbox.keep, what `again` needs for the next call; `None` if nothing is left to be called.
    pub instance: Option<Instance>,
    /// With sandbox.files, if files were granted: all files after the call.
    pub files: Option<BTreeMap<String, Vec<u8>>>,
}

// To refuse a request, return `Fault::Refused` with the class malformed, invalid, rejected or exhausted. A closed
// instance or snapshot is dropped; if something must be freed then, implement `Drop`.

/// Instantiates a module, calls its entry once and reports how this ended. The entry is `run` (WASI: `_start`). A
/// module that cannot run is "unresolved:module", also if the reason is an unknown import or a missing entry.
pub fn run(_module: &[u8], _limits: &Limits, _grants: &Grants) -> Result<Ended, Fault> {
    Ok(Ended { outcome: "unresolved:module".into(), ..Ended::default() })
}

/// Calls the entry of a kept instance once more, with the limits of this call (sandbox.keep), or continues its
/// suspended call (sandbox.suspend). An instance that it returns in `Ended` can be called again.
pub fn again(_instance: Instance, _limits: &Limits) -> Result<Ended, Fault> {
    Err(Fault::Error("fill in `again` in sandbox.rs".into()))
}

/// Returns a copy of an instance that no later call changes (sandbox.snapshot).
pub fn snapshot(_instance: &Instance) -> Result<Snapshot, Fault> {
    Err(Fault::Error("fill in `snapshot` in sandbox.rs".into()))
}

/// Returns a new instance with the state of a snapshot, and runs nothing (sandbox.snapshot).
pub fn resume(_snapshot: &Snapshot) -> Result<Instance, Fault> {
    Err(Fault::Error("fill in `resume` in sandbox.rs".into()))
}

/// Returns a snapshot as bytes, for another process (sandbox.export). `fuel` is what the bytes carry out of the tank
/// (sandbox.tank); `None` if the request has no such number.
pub fn export_bytes(_snapshot: &Snapshot, _fuel: Option<u64>) -> Result<Vec<u8>, Fault> {
    Err(Fault::Error("fill in `export_bytes` in sandbox.rs".into()))
}

/// Returns the snapshot that these bytes contain, or refuses them: they come from outside (sandbox.export).
pub fn import_bytes(_data: &[u8]) -> Result<Snapshot, Fault> {
    Err(Fault::Error("fill in `import_bytes` in sandbox.rs".into()))
}
