//! What a guest in Rust needs: the functions of the host that `shapes` uses, and safe wrappers.
//!
//! `grit.h` lists all functions of the host; the chapter on the ABI (`spec/wasm/abi.rst`) defines them. An id names an
//! object. A result of 0 or more is a value; a negative result is an error.

use std::ptr::null;

/// The name of an object. All zero: none, the empty tree or the empty mailbox.
pub type Id = [u8; 32];

pub const ZERO: Id = [0; 32];
pub const BLOB: i32 = 1;

/// What the call is about.
#[derive(Clone, Copy)]
pub enum Input {
    Actor = 0,
    Previous = 1,
    Core = 2,
    Outbox = 4,
    ReadInbox = 5,
}

const M_CONTENT: u32 = 1;

mod host {
    use super::Id;

    #[link(wasm_import_module = "grit")]
    extern "C" {
        pub fn input(which: u32, out: *mut Id) -> i32;
        pub fn covered(i: u32, sender_out: *mut Id, message_out: *mut Id) -> i32;
        pub fn link(object: *const Id, field: u32, out: *mut Id) -> i32;
        pub fn read(blob: *const Id, offset: u32, buf: *mut u8, cap: u32) -> i32;
        pub fn blob(data: *const u8, len: u32, headers: *const u8, hlen: u32, out: *mut Id) -> i32;
        pub fn place(tree: *const Id, path: *const u8, len: u32, child: *const Id, out: *mut Id) -> i32;
        pub fn step(
            previous: *const Id,
            actor: *const Id,
            inbox: *const Id,
            outbox: *const Id,
            core: *const Id,
            out: *mut Id,
        ) -> i32;
        pub fn result(answer: *const Id) -> i32;
    }
}

/// Return an input, or the zero id if there is none.
pub fn input(which: Input) -> Id {
    let mut out = ZERO;
    unsafe { host::input(which as u32, &mut out) };
    out
}

/// Return the bytes of the last covered message's content, or no bytes if it is not a blob.
pub fn question() -> Vec<u8> {
    let (mut sender, mut message, mut content, mut count) = (ZERO, ZERO, ZERO, 0);
    while unsafe { host::covered(count, &mut sender, &mut message) } == 0 {
        count += 1;
    }
    if count == 0 || unsafe { host::link(&message, M_CONTENT, &mut content) } != BLOB {
        return Vec::new();
    }
    let mut bytes = vec![0; 4096];
    let read = unsafe { host::read(&content, 0, bytes.as_mut_ptr(), bytes.len() as u32) };
    bytes.truncate(read.max(0) as usize);
    bytes
}

/// Make a blob and put it at a path of a tree; returns the id of the new tree.
pub fn write(tree: &Id, path: &str, data: &[u8]) -> Result<Id, i32> {
    let (mut blob, mut made) = (ZERO, ZERO);
    check(unsafe { host::blob(data.as_ptr(), data.len() as u32, null(), 0, &mut blob) })?;
    check(unsafe { host::place(tree, path.as_ptr(), path.len() as u32, &blob, &mut made) })?;
    Ok(made)
}

/// Answer with the step that reads all covered messages and has this core.
pub fn finish(core: &Id) -> Result<(), i32> {
    let (previous, actor) = (input(Input::Previous), input(Input::Actor));
    let (inbox, outbox, mut made) = (input(Input::ReadInbox), input(Input::Outbox), ZERO);
    check(unsafe { host::step(&previous, &actor, &inbox, &outbox, core, &mut made) })?;
    check(unsafe { host::result(&made) })
}

fn check(result: i32) -> Result<(), i32> {
    if result < 0 { Err(result) } else { Ok(()) }
}
