package flowrun

import (
	"gritstone.example/implementation/internal/flow"
	"gritstone.example/implementation/internal/grit"
)

// effect carries out a message that is not ignored, and returns the node that is entered next.
type effect func() string

// arrival is a message that a step reads.
type arrival struct {
	sender  grit.ID
	message *grit.Object
	packet  map[string]grit.ID // the entries of its content; nil if it is not a tree
}

// packets has the forms of the packets that a flow reads, by mt; the two others have no such form.
var packets = map[string]map[string]entryForm{
	"flow.result": nil,
	"flow.fired":  {"timer": treeEntry},
	"flow.event": {
		"doc": formEntry(flow.IsEvent), "flow": treeEntry, "program": blobEntry, "policy": treeEntry, "refs": refsEntry,
	},
	"flow.cancel": {"flow": treeEntry},
	"flow.erase":  {"doc": formEntry(flow.IsErasing), "flow": treeEntry},
	"flow.erased": {"request": treeEntry},
	"flow.replan": {"program": blobEntry, "flow": treeEntry},
	"flow.start":  {"flow": treeEntry},
	"receipt":     nil,
}

// entryForm reports whether an entry of a packet has its form.
type entryForm func(v *view, id grit.ID) bool

func treeEntry(v *view, id grit.ID) bool { return v.isTree(id) }
func blobEntry(v *view, id grit.ID) bool { return v.isBlob(id) }

// refsEntry is the only entry that may be absent.
func refsEntry(v *view, id grit.ID) bool {
	return id == grit.None || v.namedTree(id, func(id grit.ID) bool { return isSealed(v.load(id)) })
}

func formEntry(of func(flow.Value) bool) entryForm {
	return func(v *view, id grit.ID) bool {
		value, ok := v.read(id)
		return ok && of(value)
	}
}

// message carries out a message or ignores it with the first reason: flow.step.ignored.
func (r *run) message(sender grit.ID, message *grit.Object) {
	a := &arrival{sender: sender, message: message}
	if r.isTree(message.Content) {
		a.packet = r.treeOf(message.Content)
	}
	reason, effect := r.judge(a)
	if reason != "" {
		r.event("ignored", is("why", reason))
		return
	}
	r.enter(effect())
}

// judge returns the first reason to ignore a message, or its effect.
func (r *run) judge(a *arrival) (string, effect) {
	mt := a.message.Header("mt")
	_, known := packets[mt]
	switch {
	case !known:
		return "unknown-message", nil
	case !r.wellFormed(mt, a):
		return "malformed", nil
	}
	late := mt == "flow.erase" || mt == "flow.erased" || mt == "flow.replan"
	if r.state.status == rejected || r.state.ended() && !late {
		return "terminal", nil
	}
	if r.state.status == planned && mt != "flow.start" && mt != "flow.erase" && mt != "flow.erased" {
		return "planned", nil
	}
	return r.ofKind(mt, a)
}

func (r *run) ofKind(mt string, a *arrival) (string, effect) {
	switch mt {
	case "flow.result":
		return r.result(a)
	case "flow.fired":
		return r.fired(a)
	case "flow.event":
		return r.resumed(a)
	case "flow.cancel":
		return r.cancelled(a)
	case "flow.erase":
		return r.erases(a)
	case "flow.erased":
		return r.gone(a)
	case "flow.replan":
		return r.replanned(a)
	case "flow.start":
		return r.started(a)
	}
	return r.undelivered(a)
}

func (r *run) wellFormed(mt string, a *arrival) bool {
	switch mt {
	case "receipt":
		_, ok := grit.ParseID(a.message.Header("reply"))
		return ok
	case "flow.result":
		value, ok := r.read(a.packet["doc"])
		return ok && r.isTree(a.packet["request"]) && flow.HasAttempt(value)
	}
	known := 0
	for name, of := range packets[mt] {
		if !of(&r.view, a.packet[name]) {
			return false
		}
		if a.packet[name] != grit.None {
			known++
		}
	}
	return known == len(a.packet)
}

// doc returns the value of the document of a packet that is well formed.
func (r *run) doc(a *arrival) fields {
	value, _ := r.read(a.packet["doc"])
	m, _ := value.(flow.Map)
	return fields(m)
}

// result judges a flow.result.
func (r *run) result(a *arrival) (string, effect) {
	c := r.sentCall(a.packet["request"])
	if c == nil {
		return "unknown-request", nil
	}
	if a.sender != r.peer(c.tool.Peer) {
		return "wrong-sender", nil
	}
	open, doc := r.state.flight[c.key()], r.doc(a)
	attempt, outcome := doc.number("attempt"), doc.text("outcome")
	refs := a.packet["refs"]
	if !flow.IsResult(flow.Map(doc)) || outcome == "ok" && !r.fits(refs, doc.any("value")) {
		outcome = "bad"
	}
	switch {
	case attempt == 0 || attempt > open.attempt:
		return "wrong-attempt", nil
	case outcome != "ok" && (attempt < open.attempt || open.phase == backoff):
		return "stale-attempt", nil
	case outcome == "pending" && open.phase == pending:
		return "already-pending", nil
	}
	return "", func() string { return r.after(c, r.answered(c, doc, attempt, outcome, refs)) }
}

// answered is the effect of a result: flow.result.malformed, flow.result.one-of.
func (r *run) answered(c *call, doc fields, attempt int64, outcome string, refs grit.ID) string {
	switch outcome {
	case "pending":
		r.event("pending", c.members(is("attempt", attempt))...)
		r.state.flight[c.key()].phase = pending
		delete(r.entries("timers"), c.key())
		return ""
	case "bad":
		r.settle(c, attempt, outcome, nil)
		return r.failed(c, c.failure("bad-result", ""))
	case "error":
		r.settle(c, attempt, outcome, doc.any("usage"))
		cause := doc.fields("error")
		f := c.failure("tool", cause.text("class"))
		if cause.any("retry") == true {
			return r.tryAgain(c, f)
		}
		return r.failed(c, f)
	}
	value := doc.any("value")
	r.settle(c, attempt, outcome, doc.any("usage"), is("value", flow.Digest(flow.Encode(value))))
	if !c.allows(value) {
		return r.failed(c, c.failure("not-allowed", ""))
	}
	r.accepted(c, value, refs)
	return r.succeed(c, value)
}

func (c *call) allows(value flow.Value) bool {
	for _, text := range c.OneOf {
		if value == text {
			return true
		}
	}
	return len(c.OneOf) == 0
}

// sentCall returns the open call with a packet, or nil.
func (r *run) sentCall(packet grit.ID) *call {
	for key, id := range r.entries("sent") {
		if id == packet {
			return r.callOf(key)
		}
	}
	return nil
}

// fits reports whether the refs of a packet fit and the refs of a value are known: flow.result.refs.
func (r *run) fits(packet grit.ID, value flow.Value) bool {
	if !refsEntry(&r.view, packet) {
		return false
	}
	fresh, known, occurring := r.treeOf(packet), r.entries("refs"), map[string]bool{}
	for name, id := range fresh {
		if old, there := known[name]; there && old != id {
			return false
		}
	}
	flow.Refs(value, occurring)
	for name := range occurring {
		if known[name] == grit.None && fresh[name] == grit.None {
			return false
		}
	}
	return true
}

// fired judges a flow.fired: flow.timeout.race.
func (r *run) fired(a *arrival) (string, effect) {
	if !r.isPeer(a.sender, []string{r.policy.Timer}) {
		return "wrong-sender", nil
	}
	for key, id := range r.entries("timers") {
		if id == a.packet["timer"] {
			return "", func() string { return r.timeIsOver(key) }
		}
	}
	return "stale-timer", nil
}

func (r *run) timeIsOver(key string) string {
	delete(r.entries("timers"), key)
	open := r.state.flight[key]
	if open.phase == waiting {
		r.event("fired", is("node", key), is("why", "wait"))
		return r.fail(key, &failure{class: "timeout", node: key})
	}
	c := r.callOf(key)
	if open.phase == backoff {
		r.event("fired", c.members(is("why", "backoff"))...)
		return r.after(c, r.dispatch(c, open.attempt+1))
	}
	r.event("fired", c.members(is("why", "timeout"))...)
	r.settle(c, open.attempt, "timeout", nil)
	return r.after(c, r.tryAgain(c, c.failure("timeout", "")))
}

// undelivered judges a receipt: flow.call.undeliverable.
func (r *run) undelivered(a *arrival) (string, effect) {
	if !r.isPeer(a.sender, []string{r.policy.Agent}) {
		return "wrong-sender", nil
	}
	reply, _ := grit.ParseID(a.message.Header("reply"))
	for key, packet := range r.entries("sent") {
		c := r.callOf(key)
		if r.attemptMessage(c, packet) == reply {
			return "", func() string {
				r.settle(c, r.state.flight[key].attempt, "undeliverable", nil)
				return r.after(c, r.failed(c, c.failure("undeliverable", "")))
			}
		}
	}
	return "unknown-request", nil
}
