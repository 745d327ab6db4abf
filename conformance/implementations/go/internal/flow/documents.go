package flow

import "maps"

// Program is a program of the form of flow.cddl.
type Program struct {
	Start  string
	Nodes  map[string]*Node
	Order  []string // the names of Nodes in key order
	Limits map[string]int64
}

// Node is a node of a program: a call, a parallel, a branch, a wait or an end.
type Node struct {
	Kind, Next, OnError string
	Guards              []string
	Work                Work   // of a call
	Subs                []*Sub // of a parallel, in key order
	Width               int
	If, Then, Else      string // of a branch
	Event               string // of a wait
	TimeoutMs           int64  // of a wait; 0: none
	Succeeds            bool   // of an end
	Output              Value
	HasOutput           bool
}

// Work is what a call and a sub have in common.
type Work struct {
	Tool        string
	Args        Map
	MaxAttempts int64
	BackoffMs   int64
	TimeoutMs   int64 // 0: none
	OneOf       []string
}

// Sub is a call of a parallel.
type Sub struct {
	Name string
	Work
	DependsOn []string
	Optional  bool
}

// Sub returns the sub with a name, or nil.
func (n *Node) Sub(name string) *Sub {
	for _, sub := range n.Subs {
		if sub.Name == name {
			return sub
		}
	}
	return nil
}

// Policy is a policy of the form of flow.cddl.
type Policy struct {
	Tools                map[string]*Tool
	Timer, Eraser, Agent string // empty: none
	Events, Control      map[string][]string
	Limits               map[string]int64
}

// Tool is a tool of a policy.
type Tool struct {
	Peer         string
	Params, Refs []string
	When         *string
	Cost         int64
	Guarded      bool
}

func textsOf(m Map, key string) (texts []string) {
	list, _ := m.Get(key)
	items, _ := list.(List)
	for _, item := range items {
		texts = append(texts, item.(string))
	}
	return texts
}

func textOf(m Map, key string) string {
	text, _ := m.Get(key)
	found, _ := text.(string)
	return found
}

func numberOf(m Map, key string, otherwise int64) int64 {
	if n, ok := m.Get(key); ok {
		return n.(int64)
	}
	return otherwise
}

func boolOf(m Map, key string) bool {
	value, _ := m.Get(key)
	return value == true
}

func mapAt(m Map, key string) Map {
	value, _ := m.Get(key)
	found, _ := value.(Map)
	return found
}

func limitsOf(m Map, defaults map[string]int64) map[string]int64 {
	limits := maps.Clone(defaults)
	for _, member := range mapAt(m, "limits") {
		limits[member.Key] = member.Value.(int64)
	}
	return limits
}

var (
	programLimits = map[string]int64{
		"max_steps": 1_000, "max_calls": 1_000, "max_tokens": 1_000_000_000, "max_stalled": 100, "max_visits": 1,
	}
	policyLimits = map[string]int64{
		"max_steps": 10_000, "max_calls": 10_000, "max_tokens": maxTokens, "max_stalled": 1_000, "max_visits": 10_000,
		"max_replans": 0,
	}
)

func readProgram(m Map) *Program {
	p := &Program{Start: textOf(m, "start"), Nodes: map[string]*Node{}, Limits: limitsOf(m, programLimits)}
	for _, member := range mapAt(m, "nodes") {
		p.Nodes[member.Key] = readNode(member.Value.(Map))
		p.Order = append(p.Order, member.Key)
	}
	return p
}

func readNode(m Map) *Node {
	n := &Node{
		Kind: textOf(m, "kind"), Next: textOf(m, "next"), OnError: textOf(m, "on_error"),
		Guards: textsOf(m, "guards"), Width: int(numberOf(m, "width", 64)),
		If: textOf(m, "if"), Then: textOf(m, "then"), Else: textOf(m, "else"),
		Event: textOf(m, "event"), TimeoutMs: numberOf(m, "timeout_ms", 0), Succeeds: textOf(m, "outcome") == "success",
	}
	n.Output, n.HasOutput = m.Get("output")
	if n.Kind == "call" {
		n.Work = readWork(m)
	}
	for _, member := range mapAt(m, "calls") {
		sub := member.Value.(Map)
		n.Subs = append(n.Subs, &Sub{member.Key, readWork(sub), textsOf(sub, "depends_on"), boolOf(sub, "optional")})
	}
	return n
}

func readWork(m Map) Work {
	retry := mapAt(m, "retry")
	return Work{
		Tool: textOf(m, "tool"), Args: mapAt(m, "args"), MaxAttempts: numberOf(retry, "max_attempts", 1),
		BackoffMs: numberOf(retry, "backoff_ms", 0), TimeoutMs: numberOf(m, "timeout_ms", 0), OneOf: textsOf(m, "one_of"),
	}
}

func readPolicy(m Map) *Policy {
	p := &Policy{
		Tools: map[string]*Tool{}, Timer: textOf(m, "timer"), Eraser: textOf(m, "eraser"), Agent: textOf(m, "agent"),
		Events: map[string][]string{}, Control: map[string][]string{}, Limits: limitsOf(m, policyLimits),
	}
	for _, member := range mapAt(m, "tools") {
		tool := member.Value.(Map)
		read := &Tool{
			Peer: textOf(tool, "peer"), Params: textsOf(tool, "params"), Refs: textsOf(tool, "refs"),
			Cost: numberOf(tool, "cost", 0), Guarded: boolOf(tool, "guarded"),
		}
		if when, ok := tool.Get("when"); ok {
			text := when.(string)
			read.When = &text
		}
		p.Tools[member.Key] = read
	}
	for _, of := range []struct {
		key  string
		into map[string][]string
	}{{"events", p.Events}, {"control", p.Control}} {
		lists := mapAt(m, of.key)
		for _, member := range lists {
			of.into[member.Key] = textsOf(lists, member.Key)
		}
	}
	return p
}

// DecodeProgram returns the program of a document that was checked.
func DecodeProgram(data []byte) (*Program, error) {
	value, err := Decode(data, ProgramBytes)
	m, ok := value.(Map)
	if err != nil || !ok {
		return nil, ErrMalformed
	}
	return readProgram(m), nil
}

// DecodePolicy returns the policy of a document that was checked.
func DecodePolicy(data []byte) (*Policy, error) {
	value, err := Decode(data, ValueBytes)
	m, ok := value.(Map)
	if err != nil || !ok {
		return nil, ErrMalformed
	}
	return readPolicy(m), nil
}
