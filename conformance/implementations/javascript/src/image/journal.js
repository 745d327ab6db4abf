// The journal: the chain of the kernel actor next to that of the agent, one step of each for each operation.

import { headName } from "../runtime/agent.js";
import { Refusal, missing } from "../refusal.js";
import { readStep, readStepObject } from "../wit/steps.js";
import { entriesOf } from "./cores.js";
import { readRecord } from "./record.js";

function noJournal() {
  throw missing("the chain of the agent does not hold the journal");
}

/** One operation of the past: the step of the kernel actor, its record, and the id of the step of the agent that sent it. */
class Entry {
  #record = null;

  constructor(read, step, sentBy) {
    Object.assign(this, { read, step, sentBy });
  }

  /** The step of the agent. Throws Refusal missing. */
  get after() {
    return readStep(this.read, this.sentBy ?? noJournal());
  }

  /** The step of the agent before. */
  get before() {
    return readStep(this.read, this.after.previous ?? noJournal());
  }

  /** The object of the record; null if it was erased. */
  get object() {
    return this.read(entriesOf(this.read(this.step.core)).get("op"));
  }

  /** The record, read. Throws Refusal missing/erased. */
  get record() {
    if (this.#record === null) {
      const { object } = this;
      if (object === null) throw missing("the record was erased", "erased");
      this.#record = readRecord(object);
    }
    return this.#record;
  }

  /** The record; null if it is absent, erased or corrupt. */
  get readable() {
    try {
      return this.record;
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
  }

  /** How an operation without roots moved the head of the agent, as in `moved`; nothing for others, which read only roots. */
  get agentMoved() {
    if (this.record.roots.length > 0) return [];
    const { before, after } = this;
    return [{ actor: after.actor, before, after, isGone: false }];
  }

  /** The heads that the operation moved: [{actor, before, after, isGone}, ...], of steps. */
  get moved() {
    const { heads, gone } = this.record;
    const ended = new Set(gone);
    const stepOf = (id) => (id === null ? null : readStep(this.read, id));
    return heads.map(([actor, before, after]) => ({
      actor,
      before: stepOf(before),
      after: stepOf(after),
      isGone: ended.has(actor),
    }));
  }
}

export class Journal {
  #seen = null; // the step of the kernel actor up to which the entries were given

  constructor(store, agent, kernel) {
    Object.assign(this, { store, agent, kernel });
  }

  read = (id) => this.store.read(id);

  #head(actor) {
    return readStep(this.read, this.store.backend.references.target(headName(actor)));
  }

  /** The entry of the newest operation. */
  get newest() {
    return this.back().next().value;
  }

  /** The entries of all operations, the newest first. Throws Refusal missing. */
  *back() {
    let step = this.#head(this.kernel);
    let sentBy = this.#senderOf(step.inbox.get(this.agent)).id;
    for (;;) {
      yield new Entry(this.read, step, sentBy);
      if (step.previous === null) return;
      step = readStep(this.read, step.previous);
      sentBy = sentBy === null ? null : readStepObject(this.read, sentBy).previous; // one step for each operation
    }
  }

  /** The newest step of the agent with a message to the kernel actor. */
  #senderOf(message) {
    let step = this.#head(this.agent);
    while (step.outbox.get(this.kernel) !== message) step = readStep(this.read, step.previous ?? noJournal());
    return step;
  }

  /** The entries since this was last called, the oldest first; null if they do not follow on what was there then. */
  catchUp() {
    const seen = this.#seen;
    const entries = [];
    this.#seen = this.store.backend.references.target(headName(this.kernel));
    if (seen === null) return null;
    for (const entry of this.back()) {
      if (entry.step.id === seen) return entries.reverse();
      entries.push(entry);
    }
    return null;
  }
}
