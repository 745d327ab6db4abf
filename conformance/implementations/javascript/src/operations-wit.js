// The operations of the profile wit.

import { invalid, missing, rejected } from "./refusal.js";
import { bytes, handle, id, list, orNone, pair, record, text, uint } from "./shapes.js";
import { admit } from "./wit/admission.js";
import { findUnread } from "./wit/channels.js";
import { drive } from "./wit/drive.js";
import { merge } from "./wit/merging.js";
import { describe } from "./wit/openapi.js";
import { readProposal } from "./wit/proposals.js";
import { askStep } from "./wit/queries.js";
import { readStep } from "./wit/steps.js";
import { transit } from "./wit/transition.js";
import { Workspace } from "./wit/workspace.js";

const MOST = 4096; // entries of a proposal, unread messages of an answer

const mail = list(pair(id, id), 0, MOST);
const attempt = uint(1, 0xffffffff);

/** A workspace on the state that is there now. */
function workspaceOf(store) {
  store.backend.refresh();
  return new Workspace(store);
}

/** The object of an id that must be stored. Throws Refusal missing, with the code erased for a tombstone. */
function present(workspace, what) {
  const object = workspace.read(what);
  if (object === null) throw missing(`${what} has been erased`, "erased");
  return object;
}

const noQuery = () => {
  throw rejected("there are no heads to ask");
};

/** The run that wit.step and wit.admit speak of. */
function readRun(workspace, { actor, head, inbox, attempt: number = 1 }) {
  if (present(workspace, actor).kind !== "tree") throw invalid("the actor is no tree");
  if (head !== null) present(workspace, head);
  const last = head === null ? null : readStep(workspace.read, head);
  if (last !== null && last.actor !== actor) throw invalid("the head is a step of another actor");
  for (const [, message] of inbox) present(workspace, message);
  const proposal = readProposal(workspace.read, actor, last, inbox);
  return { workspace, actor, last, proposal, attempt: number, ask: noQuery };
}

async function step(args, store) {
  const workspace = workspaceOf(store);
  const run = readRun(workspace, args);
  try {
    const made = await drive(transit(run), args.transition_ms ?? 0);
    return { step: made === null ? args.head : made.step };
  } finally {
    workspace.keep(); // a result that is not admitted stays as an object among others
  }
}

/** The operations: name -> {args, onStore(args, store)} or {args, run(args)}. */
export const WIT_OPERATIONS = {
  "wit.step": {
    args: record({ store: handle, actor: id, head: orNone(id), inbox: mail, attempt }, { transition_ms: uint() }),
    onStore: step,
  },
  "wit.admit": {
    args: record({ store: handle, actor: id, head: orNone(id), inbox: mail, step: id }),
    onStore(args, store) {
      const workspace = workspaceOf(store);
      admit(workspace, readRun(workspace, args), args.step);
      return {};
    },
  },
  "wit.unread": {
    args: record({ store: handle, tip: id, cursor: orNone(id) }),
    onStore({ tip, cursor }, store) {
      const workspace = workspaceOf(store);
      const { messages, fresh } = findUnread(workspace.read, tip, cursor, MOST);
      return { ids: messages.map((each) => each.id), fresh };
    },
  },
  "wit.merge": {
    args: record({ store: handle, core: id, update: id }),
    onStore(args, store) {
      const workspace = workspaceOf(store);
      const core = merge(workspace, args.core, args.update);
      workspace.keep();
      return { core };
    },
  },
  "wit.query": {
    args: record({ store: handle, step: id, name: text, args: bytes }),
    onStore({ step: asked, name, args }, store) {
      const workspace = workspaceOf(store);
      const result = askStep(workspace, asked, name, args);
      workspace.keep();
      return { result };
    },
  },
  "wit.openapi": {
    args: record({ actor: id, wut: bytes }),
    run: ({ actor, wut }) => ({ document: describe(actor, wut).toString("base64url") }),
  },
};
