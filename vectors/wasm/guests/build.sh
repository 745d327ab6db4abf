#!/bin/sh
# Builds the guests: build.sh DIRECTORY. The committed modules are what is used; this shows what they were made of.
#
# Needs clang 14 with lld (Debian: clang-14 lld-14) and wasm-opt of Binaryen 132 (npm: binaryen@132.0.0); other versions
# give other bytes. CLANG, WASM_LD and WASM_OPT name them if they are not on the path.
set -eu
out=${1:?usage: build.sh DIRECTORY}
cd "$(dirname "$0")"

# build NAME SOURCE DEFINES [OPTION of wasm-ld ...]
build() {
    name=$1 source=$2 defines=$3
    shift 3
    # The linker is called by itself: clang would run a wasm-opt of its own choice if one is on the path.
    "${CLANG:-clang}" --target=wasm32 -ffreestanding -Os -Wall -Wextra -Werror -DGRIT_SINGLE $defines -c "$source" -o "$out/$name.o"
    "${WASM_LD:-wasm-ld}" --no-entry --strip-all "$@" "$out/$name.o" -o "$out/$name.wasm"
    rm "$out/$name.o"
    passes=
    if [ "$name" = waiter ]; then
        passes='--asyncify --pass-arg=asyncify-imports@grit.wait'
    fi
    "${WASM_OPT:-wasm-opt}" -Os $passes "$out/$name.wasm" -o "$out/$name.wasm"
}

build puppet puppet.c ''
build puppet-stamp puppet.c -DSTAMP
build waiter waiter.c '' --export=grit_wait_area
for name in compute counter effects files floats grow loops random recurse tables; do
    build $name $name.c ''
done
