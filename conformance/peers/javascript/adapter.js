#!/usr/bin/env node
// The adapter of the peer. Without arguments it speaks on standard input and output; with `--listen unix:PATH` or
// `--listen tcp:HOST:PORT` it serves one connection after another.
//
// All of it happens in one thread that is not the first: the first has the native stack that it was given, and guests may
// need more.

import fs from "node:fs";
import net from "node:net";
import { Worker, isMainThread } from "node:worker_threads";
import { Client } from "./src/operations.js";
import { Session } from "./src/wire.js";

const STACK_MB = 64; // for 65,536 stack units, whatever a frame takes

/** A stream on a file descriptor: in this thread those of the process would go through the first one. */
function streamOn(fd, openFile) {
  const stat = fs.fstatSync(fd);
  return stat.isFIFO() || stat.isSocket() ? new net.Socket({ fd, readable: fd === 0, writable: fd === 1 }) : openFile(null, { fd });
}

function serveStandardStreams() {
  const input = streamOn(0, fs.createReadStream);
  const output = streamOn(1, fs.createWriteStream);
  const session = new Session(new Client(), output, () => process.exit(0));
  output.on("error", () => process.exit(1)); // nobody reads any more
  input.on("data", (chunk) => session.take(chunk));
  input.on("end", () => session.end(() => output.write("", () => process.exit(0))));
}

function serveConnection(socket, whenOver) {
  const session = new Session(new Client(["connect"]), socket, () => socket.end());
  socket.on("error", (error) => process.stderr.write(`${error.message}\n`));
  socket.on("data", (chunk) => {
    try {
      session.take(chunk);
    } catch (error) {
      process.stderr.write(`${error.stack}\n`);
      socket.destroy();
    }
  });
  socket.on("close", () => {
    session.close();
    whenOver();
  });
  socket.resume();
}

function listen(address) {
  const waiting = [];
  let isServing = false;
  const serveNext = () => {
    isServing = waiting.length > 0;
    if (isServing) serveConnection(waiting.shift(), serveNext);
  };
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    waiting.push(socket);
    if (!isServing) serveNext();
  });
  const [, kind, rest] = /^(unix|tcp):(.+)$/.exec(address) ?? [];
  if (kind === "unix") {
    if (fs.lstatSync(rest, { throwIfNoEntry: false })?.isSocket()) fs.unlinkSync(rest); // of an earlier run
    server.listen(rest);
  } else if (kind === "tcp") {
    const colon = rest.lastIndexOf(":");
    server.listen({ host: rest.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(rest.slice(colon + 1)) });
  } else usage();
}

function usage() {
  process.stderr.write("usage: node adapter.js [--listen unix:PATH | --listen tcp:HOST:PORT]\n");
  process.exit(2);
}

/** Start the thread that does everything, and end as it does. */
function startThread() {
  process.on("SIGXFSZ", () => {}); // a file that may not grow is a full medium, not our end
  const thread = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2), resourceLimits: { stackSizeMb: STACK_MB } });
  thread.on("error", (error) => process.stderr.write(`${error.stack ?? error}\n`));
  thread.on("exit", (code) => process.exit(code));
}

const [option, address, ...more] = process.argv.slice(2);
if (isMainThread) startThread();
else if (option === undefined) serveStandardStreams();
else if (option === "--listen" && address !== undefined && more.length === 0) listen(address);
else usage();
