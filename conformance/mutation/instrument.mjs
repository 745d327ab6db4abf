// node instrument.mjs FROM TO: copies an implementation with all mutants of its sources built in.
//
// TO/mutants.json lists them, except those of messages: id, file, operator, the first and last position (line and column from 1), the source text and its replacement.
// The environment variable __STRYKER_ACTIVE_MUTANT__ switches one on.

import fs from "node:fs";
import path from "node:path";
import { createInstrumenter } from "@stryker-mutator/instrumenter";
import { createInjector } from "typed-inject";

const [from, to] = process.argv.slice(2);
const quiet = Object.fromEntries(["trace", "debug", "info", "warn", "error", "fatal"].map((level) => [level, () => {}]));
const logger = { ...quiet, isDebugEnabled: () => false, isTraceEnabled: () => false };
const options = { plugins: null, excludedMutations: [], ignorers: [] };

fs.cpSync(from, to, { recursive: true, filter: (name) => !/\/(node_modules|test)$/.test(name) });
fs.symlinkSync(path.resolve(from, "node_modules"), path.join(to, "node_modules"));
const names = fs
  .readdirSync(path.join(from, "src"), { recursive: true })
  .filter((name) => name.endsWith(".js"))
  .map((name) => path.join("src", name))
  .sort();
const files = names.map((name) => ({ name, mutate: true, content: fs.readFileSync(path.join(from, name), "utf8") }));
const instrumenter = createInjector().provideValue("logger", logger).injectFunction(createInstrumenter);
const built = await instrumenter.instrument(files, options);
for (const { name, content } of built.files) fs.writeFileSync(path.join(to, name), content);

const sources = new Map(files.map(({ name, content }) => [name, content.split("\n")]));
const cut = (lines, { start, end }) => {
  const part = lines.slice(start.line, end.line + 1);
  part[part.length - 1] = part.at(-1).slice(0, end.column);
  part[0] = part[0].slice(start.column);
  return part.join("\n");
};
// a string with a space is a message for people, which no rule is about
const isMessage = ({ mutatorName, fileName, location }) => mutatorName === "StringLiteral" && cut(sources.get(fileName), location).includes(" ");
const listed = built.mutants.filter((each) => !isMessage(each)).map(({ id, fileName, mutatorName, location, replacement }) => ({
  id,
  file: fileName,
  operator: mutatorName,
  line: location.start.line + 1,
  column: location.start.column + 1,
  original: cut(sources.get(fileName), location),
  replacement,
}));
fs.writeFileSync(path.join(to, "mutants.json"), JSON.stringify(listed));
process.stdout.write(`${listed.length} mutants\n`);
