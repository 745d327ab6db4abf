// Lines in, lines out: one reply for each request, in order.
//
// Replies to requests that arrived together may wait a moment for each other, so that one fsync serves them all; none is
// written before what it says is durable.

import { FRAME_BYTES, WINDOW } from "./limits.js";
import { Misfit, Refusal } from "./refusal.js";

const LF = 0x0a;
const TOGETHER_MS = 20;
const LINGER_MS = 3000; // the process has to end within 5 s of the end of its input
const MESSAGE_CHARACTERS = 300;

const forPeople = (message) => String(message).slice(0, MESSAGE_CHARACTERS).toWellFormed();

/** What an exception of an operation is answered with. */
function answerFault(error) {
  if (error instanceof Refusal) {
    const { refusalClass, code, message } = error;
    return { refused: { class: refusalClass, ...(code === undefined ? {} : { code }), message: forPeople(message) } };
  }
  if (!(error instanceof Misfit)) process.stderr.write(`${error?.stack ?? error}\n`);
  return { error: { message: forPeople(error?.message ?? error) } };
}

/** Carries the requests of one input out for one client and writes the replies to one output. */
export class Session {
  #client;
  #output;
  #onBye;
  #partial = []; // of a line without its LF
  #partialBytes = 0;
  #lines = []; // whole, not carried out
  #replies = [];
  #isBlocked = false; // the output wants no more for now
  #isWaiting = false; // for an operation to end
  #isOver = false;
  #onIdle = null; // called once all received requests have been answered

  constructor(client, output, onBye) {
    this.#client = client;
    this.#output = output;
    this.#onBye = onBye;
    output.on("drain", () => {
      this.#isBlocked = false;
      this.#run();
    });
  }

  /** Take bytes of the input. */
  take(chunk) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      this.#lines.push(Buffer.concat([...this.#partial, chunk.subarray(start, end)]));
      this.#partial = [];
      this.#partialBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) this.#partial.push(chunk.subarray(start));
    this.#partialBytes += chunk.length - start;
    if (this.#partialBytes > FRAME_BYTES) throw new Error("a line is longer than frame_bytes");
    this.#run();
  }

  /** The input has ended: call `then` once what it held has been answered, or after a while. */
  end(then) {
    const timer = setTimeout(() => this.#onIdle(), LINGER_MS);
    this.#onIdle = () => {
      clearTimeout(timer);
      this.#onIdle = null;
      this.close();
      then();
    };
    this.#run();
  }

  /** Drop what is open. */
  close() {
    this.#isOver = true;
    this.#client.close();
  }

  #run() {
    let began = Date.now();
    while (this.#lines.length > 0 && !this.#isBlocked && !this.#isWaiting && !this.#isOver) {
      try {
        this.#carryOut(this.#lines.shift());
      } catch (error) {
        this.#flush(); // what was answered before a line that cannot be answered
        throw error;
      }
      if (this.#isWaiting) break;
      const mayWait = this.#lines.length > 0 && this.#replies.length < WINDOW && Date.now() - began < TOGETHER_MS;
      if (mayWait && this.#client.handles.unsynced) continue;
      this.#flush();
      began = Date.now();
    }
    if (this.#lines.length === 0 && !this.#isWaiting) this.#onIdle?.();
  }

  #carryOut(line) {
    const { seq, op, args } = JSON.parse(line.toString("utf8")); // which reads any depth of nesting
    const answer = this.#answer(op, args);
    if (answer instanceof Promise) this.#wait(seq, answer);
    else this.#replies.push(this.#spell(seq, answer));
    if (op !== "bye" || answer.ok === undefined) return; // harness.process.stays
    this.close();
    this.#flush(this.#onBye);
  }

  // Nothing else is carried out before an operation that waits for something has ended.
  async #wait(seq, promised) {
    this.#isWaiting = true;
    this.#flush();
    const answer = await promised.catch(answerFault);
    this.#isWaiting = false;
    if (this.#isOver) return;
    this.#replies.push(this.#spell(seq, answer));
    this.#flush();
    this.#run();
  }

  #answer(op, args) {
    try {
      return this.#client.carryOut(op, args);
    } catch (error) {
      return answerFault(error);
    }
  }

  #spell(seq, answer) {
    const line = `${JSON.stringify({ seq, ...answer })}\n`;
    if (Buffer.byteLength(line) <= (this.#client.frameBytes ?? FRAME_BYTES)) return line;
    return `${JSON.stringify({ seq, error: { message: "the reply does not fit into a frame" } })}\n`;
  }

  #flush(whenWritten) {
    this.#client.handles.sync();
    if (this.#replies.length === 0) return;
    this.#isBlocked = !this.#output.write(this.#replies.join(""), whenWritten);
    this.#replies = [];
  }
}
