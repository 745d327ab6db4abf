// Command adapter is a third implementation of gritstone's profiles grit and wit and of the executor class of wasm, with
// its adapter. It speaks the harness on standard input and output.
package main

import (
	"log"
	"os"
	"runtime/debug"

	"gritstone.example/implementation/internal/harness"
)

func main() {
	debug.SetMemoryLimit(1 << 30) // soft: the collector works harder before a process grows without need
	log.SetFlags(0)
	if err := harness.New().Serve(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}
