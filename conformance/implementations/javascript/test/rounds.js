// What the golden examples of wit and runtime are made of, and single transitions on a store in memory.

import { MemoryBackend } from "../src/memory.js";
import { Store } from "../src/store.js";
import { drive } from "../src/wit/drive.js";
import { readProposal } from "../src/wit/proposals.js";
import { readStep, writeStep } from "../src/wit/steps.js";
import { transit } from "../src/wit/transition.js";
import { Workspace } from "../src/wit/workspace.js";

export const hex = (text) => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

/** A store in memory with what tests put into it. */
export class Bench {
  constructor(format) {
    this.store = new Store(format, new MemoryBackend());
    this.workspace = new Workspace(this.store);
  }

  blob = (data, headers = []) => this.workspace.writeBlob(Buffer.from(data), headers);
  tree = (entries) => this.workspace.write({ kind: "tree", entries: Object.entries(entries) });
  message = (previous, headers, content) => this.workspace.write({ kind: "message", previous, headers, content });
  read = (id) => this.workspace.read(id);
  step = (id) => readStep(this.read, id);
  entries = (id) => Object.fromEntries(this.read(id).entries);
  text = (id) => this.read(id).data.toString();

  core(name, code = "external:puppet/1") {
    const wit = this.blob(code, [["ct", "s"]]);
    return this.tree({ name: this.blob(name, [["ct", "s"]]), wit, wit_query: wit });
  }

  program(code, operands = {}) {
    return this.tree({ program: this.blob(hex(code)), ...operands });
  }

  /** One transition with admission: the id of the step, or of `head` if it declined. */
  async run(actor, head, inbox, attempt = 1) {
    this.workspace.keep();
    const workspace = new Workspace(this.store);
    const last = head === null ? null : this.step(head);
    const proposal = readProposal(this.read, actor, last, inbox);
    const ask = () => {
      throw new Error("no actor is asked");
    };
    const made = await drive(transit({ workspace, actor, last, proposal, attempt, ask }), 0);
    workspace.keep();
    return made === null ? head : made.step;
  }

  writeStep = (fields) => writeStep(this.workspace, fields);
}

/** The agent of a name: {id, first: its first step}. */
export function agentOf(bench, name) {
  const id = bench.tree({ name: bench.blob(name, [["ct", "s"]]) });
  const genesis = bench.message(null, [["mt", "genesis"]], id);
  const first = bench.writeStep({
    previous: null,
    actor: id,
    inbox: new Map([[id, genesis]]),
    outbox: new Map(),
    core: id,
  });
  return { id, first };
}
