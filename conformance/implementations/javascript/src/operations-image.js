// The operations of the profile image.

import { handle, id, list, orNone, pair, record, text, u64, uint } from "./shapes.js";

const MOST_MESSAGES = 32;
const PAGE = 4096;

const runtime = handle;
const page = uint(1, PAGE);
const request = record({ to: id, headers: list(pair(text, text)), content: id });

/** The operations: name -> {args, onRuntime(args, runtime)}. */
export const IMAGE_OPERATIONS = {
  "image.start": {
    args: record({ runtime }),
    onRuntime: (args, started) => started.image.start(),
  },
  "image.request": {
    args: record({ runtime, messages: list(request, 1, MOST_MESSAGES) }, { key: text }),
    onRuntime: (args, started) => started.image.request(args),
  },
  "image.clock": {
    args: record({ runtime, now_ms: u64 }),
    onRuntime: (args, started) => started.image.setClock(args.now_ms),
  },
  "image.rollback": {
    args: record({ runtime, to: uint() }),
    onRuntime: (args, started) => started.image.rollback(args.to),
  },
  "image.list": {
    args: record({ runtime, after: orNone(id), limit: page }, { as: id }),
    onRuntime: (args, started) => started.image.list(args),
  },
  "image.log": {
    args: record({ runtime, from: uint(), limit: page }),
    onRuntime: (args, started) => started.image.log(args),
  },
  "image.world": {
    args: record({ runtime, after: orNone(text), limit: page }, { seq: uint() }),
    onRuntime: (args, started) => started.image.world(args),
  },
};
