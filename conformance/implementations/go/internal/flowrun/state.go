package flowrun

import (
	"gritstone.example/implementation/internal/flow"
	"gritstone.example/implementation/internal/grit"
)

// The status of a flow: flow.status.absorbing.
const (
	planned        = "planned"
	running        = "running"
	suspended      = "suspended"
	rejected       = "rejected"
	succeeded      = "succeeded"
	statusFailed   = "failed"
	budgetExceeded = "budget_exceeded"
	stalled        = "stalled"
)

// The phases of an entry of flight.
const (
	called  = "called"
	pending = "pending"
	backoff = "backoff"
	waiting = "waiting"
)

// state is the document state of flow.cddl, without its log.
type state struct {
	status                                    string
	at                                        string // the open node, or empty
	visit                                     int64
	steps, calls, tokens, reserved, idle, seq int64
	visits                                    map[string]int64 // nil: absent
	flight                                    map[string]*flight
	done                                      map[string]bool // nil: absent
	stop, failure                             *failure
	output                                    flow.Value
	hasOutput                                 bool
}

// flight is an open call or wait; a wait has no attempt.
type flight struct {
	phase   string
	attempt int64
}

// failure is why a node, a sub or a flow failed; node, sub and why may be empty.
type failure struct {
	class, node, sub, why string
	budget                bool
}

func is(key string, value flow.Value) flow.Member { return flow.Member{Key: key, Value: value} }

func (f *failure) members() []flow.Member {
	members := []flow.Member{is("class", f.class)}
	for _, member := range []struct{ key, text string }{{"node", f.node}, {"sub", f.sub}, {"why", f.why}} {
		if member.text != "" {
			members = append(members, is(member.key, member.text))
		}
	}
	if f.budget {
		members = append(members, is("budget", true))
	}
	return members
}

func (f *failure) value() flow.Value { return flow.NewMap(f.members()...) }

// ended reports whether the status is terminal.
func (s *state) ended() bool {
	switch s.status {
	case planned, running, suspended:
		return false
	}
	return true
}

// document returns the value of the document with a log: flow.trace.complete.
func (s *state) document(log flow.List) flow.Value {
	members := []flow.Member{
		is("v", int64(1)), is("status", s.status), is("at", nil), is("steps", s.steps), is("calls", s.calls),
		is("tokens", s.tokens), is("reserved", s.reserved), is("idle", s.idle), is("seq", s.seq), is("log", log),
	}
	if s.at != "" {
		members[2] = is("at", s.at)
		entries := []flow.Member{}
		for key, f := range s.flight {
			entry := []flow.Member{is("phase", f.phase)}
			if f.phase != waiting {
				entry = append(entry, is("attempt", f.attempt))
			}
			entries = append(entries, is(key, flow.NewMap(entry...)))
		}
		members = append(members, is("visit", s.visit), is("flight", flow.NewMap(entries...)))
	}
	if s.visits != nil {
		entries := []flow.Member{}
		for key, count := range s.visits {
			entries = append(entries, is(key, count))
		}
		members = append(members, is("visits", flow.NewMap(entries...)))
	}
	if s.done != nil {
		entries := []flow.Member{}
		for key, succeeded := range s.done {
			entries = append(entries, is(key, succeeded))
		}
		members = append(members, is("done", flow.NewMap(entries...)))
	}
	if s.stop != nil {
		members = append(members, is("stop", s.stop.value()))
	}
	if s.failure != nil {
		members = append(members, is("failure", s.failure.value()))
	}
	if s.hasOutput {
		members = append(members, is("output", s.output))
	}
	return flow.NewMap(members...)
}

// fields reads members of a map that this package wrote; others are zero.
type fields flow.Map

func (f fields) any(key string) flow.Value {
	value, _ := flow.Map(f).Get(key)
	return value
}

func (f fields) has(key string) bool {
	_, found := flow.Map(f).Get(key)
	return found
}

func (f fields) text(key string) string {
	text, _ := f.any(key).(string)
	return text
}

func (f fields) number(key string) int64 {
	n, _ := f.any(key).(int64)
	return n
}

func (f fields) fields(key string) fields {
	m, _ := f.any(key).(flow.Map)
	return fields(m)
}

func (f fields) list(key string) flow.List {
	list, _ := f.any(key).(flow.List)
	return list
}

// texts returns a list of texts.
func (f fields) texts(key string) []string {
	texts := []string{}
	for _, item := range f.list(key) {
		text, _ := item.(string)
		texts = append(texts, text)
	}
	return texts
}

func (f fields) failure(key string) *failure {
	if !f.has(key) {
		return nil
	}
	of := f.fields(key)
	return &failure{of.text("class"), of.text("node"), of.text("sub"), of.text("why"), of.any("budget") == true}
}

// stateFields reads the document state of a core.
func (v *view) stateFields(core map[string]grit.ID) fields {
	id := core["state"]
	if !v.isBlob(id) {
		must(failed("the core has no state"))
	}
	value, err := flow.Decode(v.data(id), grit.ObjectBytes)
	m, ok := value.(flow.Map)
	if err != nil || !ok {
		must(failed("the state has another form"))
	}
	return fields(m)
}

func readState(f fields) *state {
	s := &state{
		status: f.text("status"), at: f.text("at"), visit: f.number("visit"), steps: f.number("steps"),
		calls: f.number("calls"), tokens: f.number("tokens"), reserved: f.number("reserved"), idle: f.number("idle"),
		seq: f.number("seq"), stop: f.failure("stop"), failure: f.failure("failure"), output: f.any("output"),
		hasOutput: f.has("output"), flight: map[string]*flight{},
	}
	if f.has("visits") {
		s.visits = map[string]int64{}
		for _, member := range f.fields("visits") {
			s.visits[member.Key] = f.fields("visits").number(member.Key)
		}
	}
	if f.has("done") {
		s.done = map[string]bool{}
		for _, member := range f.fields("done") {
			s.done[member.Key] = member.Value == true
		}
	}
	for _, member := range f.fields("flight") {
		of := f.fields("flight").fields(member.Key)
		s.flight[member.Key] = &flight{of.text("phase"), of.number("attempt")}
	}
	return s
}
