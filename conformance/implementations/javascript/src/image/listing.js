// The list of actors with what the image knows about them.

import { missing } from "../refusal.js";
import { entriesOf, idAt, ownerIn, subscriptionsIn, timersIn, treeAt } from "./cores.js";
import { textOf } from "./forms.js";

const PREFIX = "heads/";

const ascending = (entries) => [...entries].sort(([one], [other]) => (one < other ? -1 : 1));
const byBytes = (one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)); // of UTF-8

function show(read, { actor, core }) {
  const textsAt = (name) => ascending(treeAt(read, core, ["image", name])).map(([key, id]) => [key, textOf(read(id))]);
  const code = idAt(read, core, ["code"]);
  const timers = ascending(timersIn(read, core));
  return {
    actor,
    owner: ownerIn(read, actor, core),
    core,
    caps: textsAt("caps"),
    entry: textsAt("entry"),
    code: code === null ? [] : [...(entriesOf(read(code)) ?? new Map()).keys()].sort(byBytes),
    timers: timers.map(([handle, { due, seq, index, mt }]) => ({
      handle,
      due: due.toString(),
      seq: Number(seq),
      index: Number(index),
      mt,
    })),
    subs: subscriptionsIn(read, core).map(({ event, subscriber }) => [event, subscriber]),
  };
}

/** The owner whose actors are shown, or null for all. Throws Refusal missing/actor. Spec: image.list.redacted. */
function viewerOf({ view, agent, kernel }, as) {
  if (as === undefined) return null;
  const head = view.heads.get(as);
  if (head === undefined || as === agent || as === kernel) throw missing("there is no such actor", "actor");
  return ownerIn(view.read, as, head.core);
}

/** A page of actors: {actors, more}. Only their cores are read. Spec: image.list.exact. */
export function listActors(image, { as, after, limit }) {
  const { store, view, agent, kernel } = image;
  const viewer = viewerOf(image, as);
  const { references } = store.backend;
  const page = references.list(PREFIX, after === null ? null : PREFIX + after, limit + 3); // R, K, and whether there are more
  const listed = page.refs.map(([name]) => name.slice(PREFIX.length)).filter((id) => id !== agent && id !== kernel);
  const actors = listed.slice(0, limit).map((actor) => {
    const head = view.heads.get(actor);
    const isShown = viewer === null || ownerIn(view.read, actor, head.core) === viewer;
    return isShown ? show(view.read, head) : { actor };
  });
  return { actors, more: listed.length > limit };
}
