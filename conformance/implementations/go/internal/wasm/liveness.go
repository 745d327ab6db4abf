package wasm

// endsRun reports whether the instructions after this one are dead.
func endsRun(op uint16) bool {
	return op == opBr || op == opBrTable || op == opReturn || op == opUnreachable
}

// liveness reports which instructions of a body are live: wasm.fuel.segment.
type liveness struct {
	dead bool
	open int // constructs that were opened in dead code
}

// step takes the next instruction and reports whether it is live.
func (l *liveness) step(op uint16) bool {
	if !l.dead {
		l.dead = endsRun(op)
		return true
	}
	switch op {
	case opBlock, opLoop, opIf:
		l.open++
	case opElse:
		l.dead = l.open > 0
	case opEnd:
		l.dead = l.open > 0
		l.open = max(l.open-1, 0)
	}
	return !l.dead
}
