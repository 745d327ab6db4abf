// The kernel actor: its first core, the start of an image, and its code.

import { FORMATS, encodeObject } from "../formats.js";
import { headName } from "../runtime/agent.js";
import { rejected } from "../refusal.js";
import { typeOf } from "../wit/channels.js";
import { failed } from "../wit/failure.js";
import { answerQuery } from "../wit/puppet-queries.js";
import { writeStep } from "../wit/steps.js";
import { TEXT } from "./forms.js";
import { GENESIS } from "./record.js";

export const KERNEL_CODE = "external:image-kernel/1";
const QUERIES = ["get", "echo", "step", "fail"];

/** Make the first core of a kernel actor: its id; `write(object)` makes an object. */
function writeFirstCore(write) {
  const text = (data) => write({ kind: "blob", headers: TEXT, data: Buffer.from(data) });
  const entries = [
    ["op", text(GENESIS)],
    ["wit", text(KERNEL_CODE)],
  ];
  return write({ kind: "tree", entries });
}

const KERNELS = new Map(
  [...FORMATS].map(([name, format]) => [name, writeFirstCore((object) => encodeObject(format, object).id)]),
);

/** The kernel actor of the stores of a format. */
export const kernelOf = (format) => KERNELS.get(format.name);

/** Whether a store is an image, as far as this process has read it. */
export const isImage = ({ backend, format }) => backend.references.target(headName(kernelOf(format))) !== null;

/** Throws Refusal rejected/image for a store that is an image. Spec: image.runtime.refused. */
export function refuseImage(store) {
  if (isImage(store)) throw rejected("the store is an image", "image");
}

/** Write the first core of the kernel actor into a workspace. */
export const writeKernel = (workspace) => writeFirstCore((object) => workspace.write(object));

function stepOf({ workspace, actor, last, proposal }) {
  const [{ sender, id, message }] = proposal.covered;
  const { read } = workspace;
  if (proposal.kind === "genesis")
    return { previous: null, actor, inbox: new Map([[sender, id]]), outbox: new Map(), core: message.content };
  const isRecord = proposal.kind === "ordinary" && proposal.covered.length === 1 && typeOf(message) === "image.op";
  if (!isRecord || (read(message.content)?.kind ?? "blob") !== "blob")
    throw failed("the kernel actor reads one record at a time");
  const entries = new Map(read(last.core).entries).set("op", message.content);
  const core = workspace.write({ kind: "tree", entries: [...entries] });
  return { ...last, previous: last.id, inbox: new Map(last.inbox).set(sender, id), core };
}

/** external:image-kernel/1. Spec: image.kernel.step. */
export function* transitKernel(run) {
  return writeStep(run.workspace, stepOf(run));
}

/** external:image/1 outside of an operation. Spec: image.code.outside. */
export function* transitActor() {
  throw failed("it makes steps within an operation only", "image");
}

/** Spec: image.code.query. */
export const answerActor = (query) => (QUERIES.includes(query.name) ? answerQuery(query) : null);
