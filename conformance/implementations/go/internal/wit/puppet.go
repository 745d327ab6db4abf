package wit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"gritstone.example/implementation/internal/grit"
)

func puppetFailed(what string) error { return Fail("failed", "", "the puppet: %s", what) }

// errHeld reports that the op L leaves a message unread.
var errHeld = errors.New("held")

// puppet is one transition of the puppet.
type puppet struct {
	*Transition
	core    grit.ID // None for a while
	outbox  map[grit.ID]grit.ID
	inbox   map[grit.ID]grit.ID
	illegal *illegalResult
}

// illegalResult is the op X that ran last.
type illegalResult struct {
	kind            byte
	sender, message grit.ID
}

// runPuppet makes a step as the covered messages say: wit.puppet.order, wit.puppet.leave.
func (t *Transition) runPuppet(stamps bool) (result grit.ID, err error) {
	p := &puppet{Transition: t, core: t.Core}
	if p.inbox, err = Inbox(t.Overlay, t.LastStep); err != nil {
		return grit.None, err
	}
	if p.outbox, err = Outbox(t.Overlay, t.LastStep); err != nil {
		return grit.None, err
	}
	covered, held := 0, map[grit.ID]bool{}
	for _, c := range t.Proposal.Covered {
		if held[c.Sender] {
			continue
		}
		err := p.read(c)
		if err == errHeld {
			held[c.Sender] = true
			continue
		}
		if err == nil && stamps {
			err = p.write("stamp", []byte("."), true)
		}
		if err != nil {
			return grit.None, t.limit(err)
		}
		p.inbox[c.Sender] = c.Message
		covered++
	}
	if covered == 0 && t.LastStep != nil {
		return grit.None, nil
	}
	if covered == 0 || p.core == grit.None {
		return grit.None, puppetFailed("nothing was read, or the core is empty")
	}
	result, err = p.finish()
	return result, t.limit(err)
}

// finish makes the step, altered if an X ran.
func (p *puppet) finish() (grit.ID, error) {
	step := &grit.Object{Kind: grit.Step, Previous: p.Last, Actor: p.Actor, Core: p.core}
	if p.Proposal.Kind == Cleanup {
		step.Previous = grit.None
	}
	if p.illegal != nil {
		if other, err := p.alter(step); err != nil || other != grit.None {
			return other, err
		}
	}
	var err error
	if step.Inbox, err = MakeMailbox(p.Overlay, p.inbox); err != nil {
		return grit.None, err
	}
	if step.Outbox, err = MakeMailbox(p.Overlay, p.outbox); err != nil {
		return grit.None, err
	}
	return p.Overlay.Make(step)
}

// program is a program that runs for a message.
type program struct {
	*puppet
	Covered
	message *grit.Object
	tree    *grit.Object // with the operands
	rest    []byte
	moved   bool // an op other than L, T and Z was read
}

// read runs the program for a message, if there is one: a handler of the core before that of the content.
func (p *puppet) read(c Covered) error {
	message, err := p.Overlay.Load(c.Message)
	if err != nil {
		return err
	}
	r := &program{puppet: p, Covered: c, message: message}
	trees := []grit.ID{message.Content}
	if mt := message.Header("mt"); p.core != grit.None && p.Overlay.Store.Format.ValidName(mt) {
		handler, err := Follow(p.Overlay, p.core, "on/"+mt)
		if err != nil {
			return err
		}
		if handler != grit.None {
			trees = []grit.ID{handler, message.Content}
		}
	}
	for _, id := range trees {
		tree, err := p.Overlay.Load(id)
		if err != nil {
			return err
		}
		if tree.Kind != grit.Tree || tree.Find("program") == grit.None {
			continue
		}
		code, err := p.Overlay.Load(tree.Find("program"))
		if err != nil {
			return err
		}
		if code.Kind != grit.Blob {
			continue
		}
		if code.Erased {
			return puppetFailed("an erased program")
		}
		r.tree, r.rest = tree, code.Data
		return r.run()
	}
	return nil
}

func (r *program) run() error {
	for len(r.rest) > 0 {
		op := r.rest[0]
		r.rest = r.rest[1:]
		if err := r.op(op); err != nil {
			return err
		}
		r.moved = r.moved || op != 'L' && op != 'T' && op != 'Z'
	}
	return nil
}

var errOperand = puppetFailed("an operand that is not of its form")

func (r *program) take(n int) ([]byte, error) {
	if n > len(r.rest) {
		return nil, errOperand
	}
	part := r.rest[:n]
	r.rest = r.rest[n:]
	return part, nil
}

func (r *program) number(n int) (uint32, error) {
	part, err := r.take(n)
	return binary.BigEndian.Uint32(append(make([]byte, 4-len(part), 4), part...)), err
}

func (r *program) counted(width int) ([]byte, error) {
	n, err := r.number(width)
	if err != nil {
		return nil, err
	}
	return r.take(int(n))
}

func (r *program) path() (string, error) {
	part, err := r.counted(1)
	if err == nil {
		if _, ok := splitPath(r.Overlay.Store.Format, string(part)); !ok {
			err = errOperand
		}
	}
	return string(part), err
}

func (r *program) text() (string, error) {
	part, err := r.counted(1)
	if err == nil && !r.Overlay.Store.Format.ValidValue(string(part)) {
		err = errOperand
	}
	return string(part), err
}

func (r *program) ref() (grit.ID, error) {
	part, err := r.take(1)
	if err != nil {
		return grit.None, err
	}
	id := grit.None
	switch part[0] {
	case 0xf0:
		id = r.Actor
	case 0xf1:
		id = r.Sender
	case 0xf2:
		id = r.message.Content
	case 0xf3:
		id = r.core
	default:
		const digits = "0123456789abcdef"
		if part[0] < 0xf0 {
			id = r.tree.Find(string([]byte{digits[part[0]>>4], digits[part[0]&15]}))
		}
	}
	if id == grit.None {
		err = puppetFailed("a ref to nothing")
	}
	return id, err
}

// at returns what a path leads to in the working core, or None.
func (p *puppet) at(path string) (grit.ID, error) {
	if p.core == grit.None {
		return grit.None, nil
	}
	return Follow(p.Overlay, p.core, path)
}

// put makes a path lead to an id; for None it removes the path.
func (p *puppet) put(path string, id grit.ID) error {
	names, _ := splitPath(p.Overlay.Store.Format, path)
	if id == grit.None {
		if old, err := p.at(path); err != nil || old == grit.None {
			return err
		}
	}
	core, err := withPath(p.Overlay, p.core, names, id)
	p.core = core
	return err
}

// write puts a blob with data, or appends the data to the blob that is there.
func (p *puppet) write(path string, data []byte, appends bool) error {
	blob := &grit.Object{Kind: grit.Blob, Data: data}
	if appends {
		old, err := p.at(path)
		if err != nil {
			return err
		}
		if old != grit.None {
			before, err := p.Overlay.Load(old)
			if err != nil {
				return err
			}
			if before.Kind != grit.Blob || before.Erased {
				return puppetFailed("nothing can be appended there")
			}
			blob.Headers, blob.Data = before.Headers, append(bytes.Clone(before.Data), data...)
		}
	}
	id, err := p.Overlay.Make(blob)
	if err != nil {
		return err
	}
	return p.put(path, id)
}

// send adds a message to the outbox, queued after the existing ones or not.
func (p *puppet) send(to grit.ID, queued bool, headers []grit.Header, content grit.ID) error {
	message := &grit.Object{Kind: grit.Message, Headers: headers, Content: content}
	if queued {
		message.Previous = p.outbox[to]
	}
	id, err := p.Overlay.Make(message)
	p.outbox[to] = id
	return err
}

// sleep waits, at most for the remaining time of the transition.
func (t *Transition) sleep(milliseconds uint32) error {
	wait := time.Duration(milliseconds) * time.Millisecond
	if !t.Deadline.IsZero() && time.Until(t.Deadline) < wait {
		time.Sleep(time.Until(t.Deadline))
		return Timeout()
	}
	time.Sleep(wait)
	return nil
}
