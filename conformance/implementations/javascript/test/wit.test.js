import assert from "node:assert/strict";
import test from "node:test";
import { admit } from "../src/wit/admission.js";
import { findUnread } from "../src/wit/channels.js";
import { merge } from "../src/wit/merging.js";
import { describe } from "../src/wit/openapi.js";
import { kindOf, readProposal } from "../src/wit/proposals.js";
import { framed, refusalOf } from "./objects.js";
import { Bench, agentOf } from "./rounds.js";

const GENESIS = [["mt", "genesis"]];
const UPDATE = [["mt", "update"]];

async function actor(code) {
  const bench = new Bench(framed);
  const agent = agentOf(bench, "test").id;
  const a = bench.core("a", code);
  const genesis = bench.message(null, GENESIS, a);
  return { bench, agent, a, genesis, a1: await bench.run(a, null, [[agent, genesis]]) };
}

test("unread messages, as in the table of the chapter", () => {
  const { blob, message, read } = new Bench(framed);
  const q1 = message(null, [], blob("q"));
  const q2 = message(q1, [], blob("q"));
  const q3 = message(q2, [], blob("q"));
  const s = message(null, [], blob("s"));
  const s2 = message(s, [], blob("q"));
  const rows = [
    [q1, null, [q1], true],
    [q3, null, [q1, q2, q3], true],
    [q3, q1, [q2, q3], false],
    [q3, q3, [], false],
    [s2, q1, [s, s2], true],
    [s2, s, [s2], false],
    [q1, q2, [q1], true],
  ];
  for (const [tip, cursor, ids, fresh] of rows) {
    const found = findUnread(read, tip, cursor);
    assert.deepEqual([found.messages.map(({ id }) => id), found.fresh], [ids, fresh]);
  }
  assert.equal(
    refusalOf(() => findUnread(read, q3, null, 2)),
    "exhausted",
  );
  assert.equal(
    refusalOf(() => findUnread(read, blob("q"), null)),
    "invalid",
  );
});

test("the kind of a message: the state of the actor first", () => {
  const bench = new Bench(framed);
  const { blob } = bench;
  const a = bench.core("a");
  const kind = (headers, content, exists) => kindOf({ headers, content }, a, exists);
  assert.equal(kind(UPDATE, a, false), "genesis");
  assert.equal(kind(GENESIS, blob("x"), false), "waiting");
  assert.equal(kind(UPDATE, a, true), "update");
  assert.equal(kind([["mt", "cleanup"]], a, true), "cleanup");
  assert.equal(kind(GENESIS, a, true), "duplicate");
  assert.equal(kind(GENESIS, blob("x"), true), "ordinary");
});

test("what is no proposal", async () => {
  const { bench, agent, a, genesis, a1 } = await actor();
  const { blob, message, read } = bench;
  const next = message(genesis, [], blob("x"));
  const update = message(next, UPDATE, blob("x"));
  const last = bench.step(a1);
  const of = (...pairs) => refusalOf(() => readProposal(read, a, last, pairs));
  assert.equal(of(), "invalid/proposal");
  assert.equal(of([agent, genesis]), "invalid/proposal");
  assert.equal(of([agent, next], [agent, next]), "invalid/proposal");
  assert.equal(of([agent, update]), "invalid/proposal");
  assert.equal(of([agent, blob("x")]), "invalid/proposal");
  assert.equal(of([agent, "1".repeat(64)]), "missing");
  assert.equal(of([agent, next]), "none");
  assert.equal(
    refusalOf(() => readProposal(read, a, null, [[agent, message(null, GENESIS, blob("x"))]])),
    "invalid/proposal",
  );
});

test("a fork and a way back of an outbox entry are not admitted", async () => {
  const { bench, agent, a, genesis, a1 } = await actor();
  const { blob, message, workspace } = bench;
  const m = message(genesis, [], blob("x"));
  const [one, two] = [message(null, [], blob("1")), message(null, [], blob("2"))];
  const queued = message(one, [], blob("3"));
  const before = bench.writeStep({ ...bench.step(a1), previous: a1, outbox: new Map([[a, queued]]) });
  const last = bench.step(before);
  workspace.keep();
  const proposal = readProposal(workspace.read, a, last, [[agent, m]]);
  const tryEntry = (entry) => {
    const outbox = new Map(entry === null ? [] : [[a, entry]]);
    const step = bench.writeStep({ ...last, previous: before, inbox: new Map([[agent, m]]), outbox });
    workspace.keep();
    return refusalOf(() => admit(workspace, { actor: a, last, proposal }, step));
  };
  for (const entry of [queued, null, two, message(queued, [], blob("4"))]) assert.equal(tryEntry(entry), "none");
  for (const entry of [one, message(one, [], blob("5"))]) assert.equal(tryEntry(entry), "rejected/illegal-step");
  assert.equal(tryEntry(message(queued, [], "2".repeat(64))), "rejected/illegal-step");
});

test("updates: merged, refused, frozen, by code", async () => {
  const { bench, agent, a, genesis, a1 } = await actor();
  const { blob, tree } = bench;
  const update = async (head, previous, content) => {
    const message = bench.message(previous, UPDATE, content);
    const step = bench.step(await bench.run(a, head, [[agent, message]]));
    return { ...step, message, core: bench.entries(step.core) };
  };
  const before = bench.entries(bench.step(a1).core);
  assert.deepEqual((await update(a1, genesis, blob("x"))).core, before);
  assert.deepEqual((await update(a1, genesis, tree({ wit: tree({ x: blob("x") }) }))).core, before);
  const merged = await update(a1, genesis, tree({ d: tree({ e: blob("1") }), name: blob("2") }));
  assert.equal(bench.text(merged.core.name), "2");
  const byCode = tree({
    wit_update: blob("external:puppet-stamp/1"),
    program: blob(Buffer.from("57016b000176", "hex")),
  });
  const coded = await update(merged.id, merged.message, byCode);
  assert.deepEqual([bench.text(coded.core.k), bench.text(coded.core.stamp)], ["v", "."]);
  const frozen = await update(coded.id, coded.message, tree({ frozen: blob("d/e\n") }));
  assert.ok(frozen.core.frozen);
  const thawing = await update(frozen.id, frozen.message, tree({ d: tree({ e: blob("2") }) }));
  assert.deepEqual(thawing.core, frozen.core);
  const beside = await update(thawing.id, thawing.message, tree({ d: tree({ f: blob("2") }) }));
  assert.deepEqual(Object.keys(bench.entries(beside.core.d)), ["e", "f"]);
  assert.deepEqual((await update(beside.id, beside.message, byCode)).core, beside.core);
});

test("merging graphs in which pairs recur ends", () => {
  const { blob, tree, workspace } = new Bench(framed);
  let [core, update] = [tree({ x: blob("1") }), tree({ y: blob("2") })];
  for (let depth = 1; depth < 1100; depth += 1) {
    core = tree({ a: core, b: core });
    update = tree({ a: update, b: update });
  }
  assert.ok(merge(workspace, core, update));
  assert.equal(
    refusalOf(() => merge(workspace, tree({ a: core }), tree({ a: update }))),
    "exhausted",
  );
  assert.equal(
    refusalOf(() => merge(workspace, core, blob("x"))),
    "invalid",
  );
});

test("code nodes resolve by their whole data only", async () => {
  const codes = [
    " external:puppet/1",
    "external:puppet/1\n",
    "External:puppet/1",
    "external:Puppet/1",
    "external:absent/1",
    "",
    "/a:b:c",
    "external:puppet/1/",
  ];
  for (const code of codes) await assert.rejects(actor(code), (error) => error.code === "unresolved", code);
});

test("wuts have one spelling and one form", () => {
  const of = (wut) => refusalOf(() => describe("0".repeat(64), Buffer.from(wut)));
  const message = (text) => `{"messages":{"":${text}},"name":"","queries":{},"wut":1}`;
  const nested = (depth) => message(`{"content":"blob","schema":${'{"a":'.repeat(depth)}{}${"}".repeat(depth)}}`);
  assert.equal(of('{"messages":{},"name":"","queries":{},"wut":1}'), "none");
  assert.equal(of(message('{"content":"blob","schema":{"a":-7},"summary":"\u00e9"}')), "none");
  assert.equal(of(nested(60)), "none");
  const wrong = [
    message('{"content":"tree","schema":true}'),
    message('{"content":"Blob"}'),
    message('{"content":"any","more":1}'),
    message('{"content":"blob","schema":{"a":1.5}}'),
    message('{"content":"blob","schema":{"a":-0}}'),
    message('{"content":"blob","schema":{"a":9007199254740993}}'),
    message('{"content":"blob","schema":{"a":"\\ud800"}}'),
    message('{"content":"blob","schema":{"a":1,"a":1}}'),
    '{"messages":{},"name":"","queries":{},"wut":2}',
    '{"name":"","messages":{},"queries":{},"wut":1}',
    '{"messages":{},"name":"","queries":{},"wut":1} ',
    "",
    "[]",
    nested(61),
    '{"messages":{},"name":"","queries":{"":{"args":"none","returns":"any"}},"wut":1}',
    '{"messages":{},"name":"","queries":{"q":{"args":"none","returns":"any","schema":true}},"wut":1}',
    '{"messages":{},"name":"\\u00e9","queries":{},"wut":1}',
  ];
  for (const wut of wrong) assert.equal(of(wut), "invalid", wut);
  const document = describe("0".repeat(64), Buffer.from(message('{"content":"any"}').replace('"":', '"a/\u00e9~":')));
  assert.match(document.toString(), /"\/messages\/a%2F%C3%A9~"/);
});
