// The operations of the profile wasm.

import { refuseImage } from "./image/kernel-actor.js";
import { bytes, handle, id, list, oneOf, record, sized, uint } from "./shapes.js";
import { ENTRIES, admit } from "./wasm/admission.js";
import { forkCore } from "./wasm/fork.js";
import { adopt, release } from "./wasm/handoff.js";
import { admitting, checkPages } from "./wasm/prepare.js";
import { signBundle, verifyBundle } from "./wasm/signature.js";
import { Workspace } from "./wit/workspace.js";

const SECRET_BYTES = 32;
const MOST_KEYS = 64;

const entry = oneOf(...ENTRIES);
const pages = uint(0, 65_536);

/** The module of a request, admitted. Throws Failure exhausted (host), unresolved. */
function admitted(args) {
  checkPages(args.pages);
  return admitting(() => admit(args.module, args.entry, args.pages));
}

/** Run `work` unless the store is an image. Spec: image.runtime.refused. */
const outsideOfImages = (store, work) =>
  store.backend.group(() => {
    refuseImage(store);
    return work();
  });

const signatureNeeds = () => ["wasm.signature"];

/** The operations: name -> {args, run(args)} or {args, onStore(args, store)}. */
export const WASM_OPERATIONS = {
  "wasm.admit": {
    args: record({ module: bytes, entry, pages }),
    run(args) {
      admitted(args);
      return {};
    },
  },
  "wasm.meter": {
    args: record({ module: bytes, entry, pages }),
    run: (args) => ({ module: Buffer.from(admitted(args).metered).toString("base64url") }),
  },
  "wasm.fork": {
    args: record({ store: handle, step: id, n: uint(), entropy: oneOf("fresh", "replay") }),
    onStore({ step, n, entropy }, store) {
      store.backend.refresh();
      const workspace = new Workspace(store);
      const core = forkCore(workspace, step, n, entropy);
      workspace.keep();
      return { core };
    },
  },
  "wasm.release": {
    args: record({ store: handle, actor: id }),
    onStore: ({ actor }, store) => ({ step: outsideOfImages(store, () => release(store, actor)) }),
  },
  "wasm.adopt": {
    args: record({ store: handle, actor: id }),
    onStore: ({ actor }, store) => ({ step: outsideOfImages(store, () => adopt(store, actor)) }),
  },
  "wasm.sign": {
    args: record({ bundle: bytes, secret: sized(bytes, SECRET_BYTES) }),
    needs: signatureNeeds,
    run: ({ bundle, secret }) => ({ signature: signBundle(bundle, secret).toString("base64url") }),
  },
  "wasm.verify": {
    args: record({ bundle: bytes, signature: bytes, keys: list(id, 0, MOST_KEYS) }),
    needs: signatureNeeds,
    run({ bundle, signature, keys }) {
      verifyBundle(bundle, signature, keys);
      return {};
    },
  },
};
