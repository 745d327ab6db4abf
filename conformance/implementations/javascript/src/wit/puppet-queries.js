// The queries of the puppet.

import { failed } from "./failure.js";
import { follow, readPath } from "./paths.js";

const WUT = Buffer.from(
  '{"messages":{"":{"content":"any"}},"name":"puppet","queries":{"echo":{"args":"blob","returns":"blob"},' +
    '"fail":{"args":"none","returns":"blob"},"get":{"args":"blob","returns":"any"},' +
    '"step":{"args":"none","returns":"blob"},"wut":{"args":"none","returns":"blob"}},"wut":1}',
);

function get({ workspace, step, args }) {
  if (args.length === 0) return step.core;
  const names = readPath(workspace.format, args);
  if (names === null) throw failed("the arguments are no path");
  const found = follow(workspace.read, step.core, names);
  if (found !== null && workspace.read(found) === null) throw failed("the path leads to an erased blob");
  return found;
}

const ANSWERS = new Map([
  ["wut", ({ workspace }) => workspace.writeBlob(WUT, [["ct", "j"]])],
  ["get", get],
  ["echo", ({ workspace, args }) => workspace.writeBlob(args)],
  ["step", ({ workspace, step }) => workspace.writeBlob(Buffer.from(step.id), [["ct", "s"]])],
  [
    "fail",
    () => {
      throw failed("as asked");
    },
  ],
]);

/** Answer a query {workspace, step, name, args}: an id, or null. Throws Failure failed. */
export const answerQuery = (query) => ANSWERS.get(query.name)?.(query) ?? null;
