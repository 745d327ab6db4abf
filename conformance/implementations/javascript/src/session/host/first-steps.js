// First steps: runs of actors that are opened, which no head and no mail leads to yet.

import { Refusal } from "../../refusal.js";
import { Failure, failed } from "../../wit/failure.js";

/** What a request is refused with for an error of its run. */
function asRefusal(error) {
  const isStored = error instanceof Refusal && !(error instanceof Failure); // something stored has been spoilt
  return isStored ? failed(error.message) : error;
}

/** The message that begins an actor. */
const genesis = (at, core) => ({
  kind: "message",
  previous: null,
  headers: Object.entries({ at: String(at), mt: "genesis" }),
  content: core,
});

/** The first steps that one runtime makes. */
export class FirstSteps {
  #runs = new Set();

  constructor(worker) {
    this.worker = worker;
  }

  /** A promise of {run, message: its id, step}. Throws Failure. */
  async make(at, core) {
    const covered = [{ sender: this.worker.agent, id: null, message: genesis(at, core) }];
    const proposal = { kind: "genesis", entries: new Map(), covered };
    const run = this.worker.newRun(core, proposal);
    const message = run.workspace.write(covered[0].message);
    covered[0].id = message;
    proposal.entries.set(this.worker.agent, message);
    this.#runs.add(run);
    try {
      return { run, message, step: (await this.#finish(run)).step };
    } finally {
      this.#runs.delete(run);
    }
  }

  #finish(run) {
    return new Promise((resolve, reject) => {
      const goOn = () => {
        try {
          const end = run.isAbandoned ? null : run.goOn(!this.worker.clock.isSuite, goOn);
          if (end !== null) resolve(end.made);
        } catch (error) {
          reject(asRefusal(error));
        }
      };
      goOn();
    });
  }

  /** What they need. */
  pins() {
    return [...this.#runs].flatMap((run) => [run.actor, ...run.pins]);
  }

  /** Give them up. */
  end() {
    for (const run of this.#runs) run.abandon();
  }
}
