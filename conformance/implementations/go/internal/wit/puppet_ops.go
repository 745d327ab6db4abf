package wit

import (
	"encoding/binary"

	"gritstone.example/implementation/internal/grit"
)

// op carries out one op; its operands are the next bytes.
func (r *program) op(op byte) error {
	switch op {
	case 'P', 'W', 'A', 'D':
		return r.change(op)
	case 'S':
		return r.sendOp()
	case 'R':
		to, err := r.ref()
		delete(r.outbox, to)
		return err
	case 'B':
		return r.bounce()
	case 'Q':
		return r.ask()
	case 'L':
		return r.leave()
	case 'T':
		n, err := r.number(1)
		if err == nil && r.Attempt <= n {
			err = puppetFailed("try again")
		}
		return err
	case 'Z':
		n, err := r.number(2)
		if err != nil {
			return err
		}
		return r.sleep(n)
	case 'X':
		kind, err := r.number(1)
		r.illegal = &illegalResult{byte(kind), r.Sender, r.Message}
		return err
	}
	return puppetFailed("fails on request, or has no op")
}

func (r *program) change(op byte) error {
	path, err := r.path()
	if err != nil {
		return err
	}
	switch op {
	case 'P':
		id, err := r.ref()
		if err != nil {
			return err
		}
		return r.put(path, id)
	case 'D':
		return r.put(path, grit.None)
	}
	data, err := r.counted(2)
	if err != nil {
		return err
	}
	return r.write(path, data, op == 'A')
}

func (r *program) sendOp() error {
	to, err := r.ref()
	if err != nil {
		return err
	}
	mode, err := r.take(1)
	if err != nil {
		return err
	}
	mt, err := r.text()
	if err != nil {
		return err
	}
	content, err := r.ref()
	if err != nil {
		return err
	}
	receiver, err := r.Overlay.Load(to)
	if err != nil {
		return err
	}
	if receiver.Kind != grit.Tree || mode[0] != 'q' && mode[0] != 's' {
		return puppetFailed("no receiver, or no mode")
	}
	var headers []grit.Header
	if mt != "" {
		headers = []grit.Header{{Key: "mt", Value: mt}}
	}
	return r.send(to, mode[0] == 'q', headers, content)
}

func (r *program) bounce() error {
	limit, err := r.number(4)
	if err != nil {
		return err
	}
	id, err := r.at("bounces")
	if err != nil {
		return err
	}
	n := uint32(0)
	if id != grit.None {
		o, err := r.Overlay.Load(id)
		if err != nil {
			return err
		}
		if o.Kind != grit.Blob || o.Erased || len(o.Data) != 4 {
			return puppetFailed("bounces is no number")
		}
		if n = binary.BigEndian.Uint32(o.Data); n == 1<<32-1 {
			return puppetFailed("bounces is too large")
		}
	}
	if err := r.write("bounces", binary.BigEndian.AppendUint32(nil, n+1), false); err != nil {
		return err
	}
	if n+1 < limit {
		return r.send(r.Sender, true, r.message.Headers, r.message.Content)
	}
	return nil
}

// ask is Q. Without a runtime there are no heads to ask, so each query is refused.
func (r *program) ask() error {
	if _, err := r.ref(); err != nil {
		return err
	}
	if _, err := r.text(); err != nil {
		return err
	}
	args, err := r.ref()
	if err != nil {
		return err
	}
	path, err := r.path()
	if err != nil {
		return err
	}
	o, err := r.Overlay.Load(args)
	if err != nil {
		return err
	}
	if o.Kind != grit.Blob || o.Erased {
		return puppetFailed("arguments that are no blob")
	}
	return r.write(path, []byte("error"), false)
}

func (r *program) leave() error {
	path, err := r.path()
	if err != nil {
		return err
	}
	if r.moved {
		return puppetFailed("too late to leave a message")
	}
	id, err := r.at(path)
	if err == nil && id == grit.None {
		err = errHeld
	}
	return err
}

// alter makes a step illegal, or returns another id than that of a step.
func (p *puppet) alter(step *grit.Object) (other grit.ID, err error) {
	x, m := p.illegal.sender, p.illegal.message
	absentID := m
	for i := range absentID {
		absentID[i] ^= 0xff
	}
	last := p.LastStep
	if last == nil {
		last = &grit.Object{Kind: grit.Step}
	}
	before, err := Inbox(p.Overlay, last)
	if err != nil {
		return grit.None, err
	}
	nothing := puppetFailed("nothing to alter")
	switch p.illegal.kind {
	case 0x01:
		switch {
		case p.LastStep == nil:
			step.Previous = p.core
		case p.Proposal.Kind == Cleanup:
			step.Previous = p.Last
		default:
			step.Previous = grit.None
		}
	case 0x02:
		if step.Actor = x; x == p.Actor {
			return grit.None, nothing
		}
	case 0x03:
		p.inbox = before
	case 0x04:
		_, read := p.inbox[p.core]
		_, proposed := p.Proposal.Entries[p.core]
		if read || proposed {
			return grit.None, nothing
		}
		p.inbox[p.core] = m
	case 0x05:
		if _, there := before[x]; !there {
			return grit.None, nothing
		}
		delete(p.inbox, x)
	case 0x06:
		message, err := p.Overlay.Load(m)
		if err != nil {
			return grit.None, err
		}
		p.inbox[x], err = p.Overlay.Make(&grit.Object{Kind: grit.Message, Previous: m, Content: message.Content})
		return grit.None, err
	case 0x07:
		return grit.None, p.goBack(last)
	case 0x08:
		message := &grit.Object{Kind: grit.Message, Previous: p.outbox[x], Content: absentID}
		p.outbox[x], err = p.Overlay.Make(message)
	case 0x09:
		step.Core, err = p.Overlay.Make(&grit.Object{Kind: grit.Blob})
	case 0x0a:
		wit, err := p.at("wit")
		if err != nil {
			return grit.None, err
		}
		if step.Core, err = withPath(p.Overlay, p.core, []string{"wit"}, grit.None); err != nil {
			return grit.None, err
		}
		if wit == grit.None || step.Core == grit.None {
			return grit.None, nothing
		}
	case 0x0b:
		step.Core = absentID
	case 0x0c:
		return p.core, nil
	case 0x0d:
		return absentID, nil
	case 0x0e:
		if step.Previous = last.Previous; last.Previous == grit.None {
			return grit.None, nothing
		}
	default:
		return grit.None, puppetFailed("no such alteration")
	}
	return grit.None, err
}

// goBack puts an older message into the outbox: alteration 07.
func (p *puppet) goBack(last *grit.Object) error {
	sent, err := Outbox(p.Overlay, last)
	if err != nil {
		return err
	}
	smallest := grit.None
	for to := range sent {
		if smallest == grit.None || string(to[:]) < string(smallest[:]) {
			smallest = to
		}
	}
	if smallest == grit.None {
		return puppetFailed("nothing was sent")
	}
	message, err := p.Overlay.Load(sent[smallest])
	if err != nil {
		return err
	}
	if message.Previous == grit.None {
		return puppetFailed("a message without previous")
	}
	p.outbox[smallest] = message.Previous
	return nil
}

const puppetWut = `{"messages":{"":{"content":"any"}},"name":"puppet","queries":{` +
	`"echo":{"args":"blob","returns":"blob"},` +
	`"fail":{"args":"none","returns":"blob"},"get":{"args":"blob","returns":"any"},` +
	`"step":{"args":"none","returns":"blob"},"wut":{"args":"none","returns":"blob"}},"wut":1}`

// askPuppet answers a query of a puppet.
func (q *Query) askPuppet() (grit.ID, error) {
	blob := &grit.Object{Kind: grit.Blob}
	switch q.Name {
	case "wut":
		blob.Headers, blob.Data = []grit.Header{{Key: "ct", Value: "j"}}, []byte(puppetWut)
	case "echo":
		blob.Data = q.Args
	case "step":
		blob.Headers, blob.Data = []grit.Header{{Key: "ct", Value: "s"}}, []byte(q.StepID.String())
	case "fail":
		return grit.None, puppetFailed("fails on request")
	case "get":
		if len(q.Args) == 0 {
			return q.Step.Core, nil
		}
		if _, ok := splitPath(q.Overlay.Store.Format, string(q.Args)); !ok {
			return grit.None, puppetFailed("no path")
		}
		id, err := Follow(q.Overlay, q.Step.Core, string(q.Args))
		if err != nil || id == grit.None {
			return grit.None, err
		}
		o, err := q.Overlay.Load(id)
		if err == nil && o.Erased {
			err = puppetFailed("an erased blob")
		}
		return id, err
	default:
		return grit.None, nil
	}
	id, err := q.Overlay.Make(blob)
	if grit.IsRefusal(err, "exhausted") {
		err = puppetFailed("too long")
	}
	return id, err
}
