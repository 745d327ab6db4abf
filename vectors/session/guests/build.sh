#!/bin/sh
# Builds the guest of sessions: build.sh DIRECTORY. The committed module is what is used; this shows what it was made of.
#
# Needs the package ziglang 0.17.1 (PyPI), which has clang 22 and wasm-ld; other versions give other bytes. PYTHON names
# the interpreter that has it.
set -eu
out=${1:?usage: build.sh DIRECTORY}
cd "$(dirname "$0")"
zig="${PYTHON:-python3} -m ziglang"
$zig clang --target=wasm32 -ffreestanding -Oz -Wall -Wextra -Werror -I../../wasm/guests -c session.c -o "$out/session.o"
$zig wasm-ld --no-entry --strip-all "$out/session.o" -o "$out/session.wasm"
rm "$out/session.o"
