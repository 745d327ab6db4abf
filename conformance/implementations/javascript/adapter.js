#!/usr/bin/env node
// The adapter of the JavaScript implementation. Without arguments it speaks on standard input and output; with `--listen unix:PATH` or
// `--listen tcp:HOST:PORT` it serves one connection after another.

import fs from "node:fs";
import net from "node:net";
import { Client } from "./src/operations.js";
import { Session } from "./src/wire.js";

function serveStandardStreams() {
  const session = new Session(new Client(), process.stdout, () => process.exit(0));
  process.stdout.on("error", () => process.exit(1)); // the reader is gone
  process.stdin.on("data", (chunk) => session.take(chunk));
  process.stdin.on("end", () => session.end(() => process.stdout.write("", () => process.exit(0))));
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

process.on("SIGXFSZ", () => {}); // a file that may not grow is a full medium, not our end

const [option, address, ...more] = process.argv.slice(2);
if (option === undefined) serveStandardStreams();
else if (option === "--listen" && address !== undefined && more.length === 0) listen(address);
else usage();
