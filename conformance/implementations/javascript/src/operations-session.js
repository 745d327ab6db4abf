// The operations of the profile session.

import { Misfit } from "./refusal.js";
import { bytes, handle, id, list, orNone, pair, record, sized, text, uint } from "./shapes.js";

const NONCE_BYTES = 32;

const about = { runtime: handle, at: uint() };

/** The operations: name -> {args, onRuntime(args, runtime)}. */
export const SESSION_OPERATIONS = {
  "session.limits": {
    args: record({ runtime: handle, max_live: uint(1), idle_ms: uint(), lease_ms: uint() }),
    onRuntime({ runtime, ...limits }, started) {
      started.sessions.limit(limits);
      return {};
    },
  },
  "session.open": {
    args: record({ ...about, core: id }),
    onRuntime: (args, started) => started.sessions.open(args),
  },
  "session.prepare": {
    args: record({ ...about, session: orNone(id), request: bytes }, { nonce: sized(bytes, NONCE_BYTES) }),
    check(args) {
      if (args.nonce !== undefined && args.session !== null) throw new Misfit("nonce: only without a session");
    },
    onRuntime: (args, started) => started.sessions.prepare(args),
  },
  "session.send": {
    args: record({ ...about, session: id, headers: list(pair(text, text)), content: id }),
    onRuntime: (args, started) => ({ message: started.sessions.send(args) }),
  },
  "session.sweep": {
    args: record(about),
    onRuntime: (args, started) => ({ archived: started.sessions.sweep(args) }),
  },
  "session.archive": {
    args: record({ ...about, session: id }),
    onRuntime: (args, started) => ({ step: started.sessions.archive(args) }),
  },
  "session.restore": {
    args: record({ ...about, session: id }),
    onRuntime: (args, started) => ({ step: started.sessions.restore(args) }),
  },
  "session.close": {
    args: record({ ...about, session: id }),
    onRuntime: (args, started) => ({ step: started.sessions.close(args) }),
  },
  "session.progress": {
    args: record({ ...about, session: id, progress: bytes }),
    onRuntime(args, started) {
      started.sessions.progress(args);
      return {};
    },
  },
};
