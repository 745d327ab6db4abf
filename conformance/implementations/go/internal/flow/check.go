package flow

import (
	"cmp"
	"slices"
)

// Defect is a reason why a program cannot run: a place and a code.
type Defect struct{ At, Code string }

// Checked is what a check has read; it is complete if there are no defects.
type Checked struct {
	Program *Program
	Policy  *Policy
	Input   Map
	Defects []Defect
}

// checker collects the defects of a stage.
type checker struct {
	Checked
	peers, refs map[string]bool
	found       map[Defect]bool
}

func (c *checker) report(at, code string) { c.found[Defect{at, code}] = true }

// Check returns the defects of a program under a policy: flow.check.defects. A nil document is not one.
func Check(program, policy, input []byte, peers, refs map[string]bool) *Checked {
	c := &checker{peers: peers, refs: refs, found: map[Defect]bool{}}
	c.documents(program, policy, input)
	c.Defects = []Defect{}
	for defect := range c.found {
		c.Defects = append(c.Defects, defect)
	}
	slices.SortFunc(c.Defects, func(a, b Defect) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Code, b.Code))
	})
	return &c.Checked
}

// documents carries out the stages in their order.
func (c *checker) documents(program, policy, input []byte) {
	programValue, err := Decode(program, ProgramBytes)
	if err != nil {
		c.report("", "program-malformed")
	}
	policyValue, err := Decode(policy, ValueBytes)
	if err != nil {
		c.report("", "policy-malformed")
	}
	inputValue, err := Decode(input, ValueBytes)
	var ok bool
	if c.Input, ok = inputValue.(Map); err != nil || !ok {
		c.report("", "input-malformed")
	}
	if len(c.found) > 0 {
		return
	}
	if !policyForm(policyValue) {
		c.report("", "policy-shape")
		return
	}
	c.Policy = readPolicy(policyValue.(Map))
	c.shape(programValue)
	if len(c.found) > 0 {
		return
	}
	c.Program = readProgram(programValue.(Map))
	c.names()
	for defect := range c.found {
		if defect.Code == "unknown-target" {
			return
		}
	}
	c.ways()
}

// shape is stage 4.
func (c *checker) shape(program Value) {
	if !programForm(program) {
		c.report("", "shape")
	}
	m, _ := program.(Map)
	for _, member := range mapAt(m, "nodes") {
		if IsName(member.Key) && !nodeForm(member.Value) {
			c.report(member.Key, "shape")
		}
	}
}

// names is stage 5.
func (c *checker) names() {
	c.target("", c.Program.Start)
	c.knownRefs("", c.Input)
	for _, name := range c.Program.Order {
		n := c.Program.Nodes[name]
		for _, to := range []string{n.Next, n.OnError, n.Then, n.Else} {
			if to != "" {
				c.target(name, to)
			}
		}
		switch n.Kind {
		case "call":
			c.work(name, name, n, &n.Work, nil, "input", "out", "prior")
		case "parallel":
			c.parallel(name, n)
		case "branch":
			expression, err := ParseExpression(n.If)
			if err != nil {
				c.report(name, "expression")
				continue
			}
			c.variables(name, expression.Paths, nil, "input", "out", "prior")
		case "wait":
			if c.Policy.Events[n.Event] == nil {
				c.report(name, "unknown-event")
			}
			c.timer(name, n.TimeoutMs > 0)
		case "end":
			c.template(name, n.Output, nil, "input", "out", "prior")
		}
	}
	c.policy()
}

func (c *checker) target(at, name string) {
	if c.Program.Nodes[name] == nil {
		c.report(at, "unknown-target")
	}
}

func (c *checker) timer(at string, needed bool) {
	if needed && c.Policy.Timer == "" {
		c.report(at, "no-timer")
	}
}

func (c *checker) knownRefs(at string, value Value) {
	refs := map[string]bool{}
	Refs(value, refs)
	for ref := range refs {
		if !c.refs[ref] {
			c.report(at, "unknown-ref")
		}
	}
}

func (c *checker) template(at string, template Value, deps []string, available ...string) {
	paths, ok := Paths(template)
	if !ok {
		c.report(at, "template")
	}
	c.variables(at, paths, deps, available...)
	c.knownRefs(at, template)
}

// variables reports vars of a program that are not available.
func (c *checker) variables(at string, paths []Path, deps []string, available ...string) {
	subs := setOf(deps)
	for _, path := range paths {
		key := path.Segments[0]
		known := slices.Contains(available, path.Namespace)
		switch path.Namespace {
		case "out":
			n := c.Program.Nodes[key]
			known = known && n != nil && n.Kind != "end"
		case "dep":
			known = known && subs[key]
		}
		if !known {
			c.report(at, "unknown-variable")
		}
	}
}

// work checks a call or a sub at a place.
func (c *checker) work(at, node string, n *Node, w *Work, deps []string, available ...string) {
	c.template(at, w.Args, deps, available...)
	c.timer(at, w.TimeoutMs > 0 || w.BackoffMs > 0)
	tool := c.Policy.Tools[w.Tool]
	if tool == nil {
		c.report(at, "unknown-tool")
		return
	}
	params := setOf(tool.Params)
	for _, member := range w.Args {
		if !params[member.Key] {
			c.report(at, "unknown-param")
		}
	}
	if tool.Guarded && len(n.Guards) == 0 {
		c.report(node, "unguarded")
	}
}

func (c *checker) policy() {
	p := c.Policy
	known := func(at string, names ...string) {
		for _, name := range names {
			if name != "" && !c.peers[name] {
				c.report(at, "unknown-peer")
			}
		}
	}
	known("", p.Timer, p.Eraser, p.Agent)
	for _, names := range p.Events {
		known("", names...)
	}
	for _, names := range p.Control {
		known("", names...)
	}
	for name, tool := range p.Tools {
		known(name, tool.Peer)
		if tool.When != nil {
			c.when(name, tool)
		}
	}
}

func (c *checker) when(name string, tool *Tool) {
	params := setOf(tool.Params)
	expression, err := ParseExpression(*tool.When)
	if err != nil {
		c.report(name, "policy-expression")
		return
	}
	for _, path := range expression.Paths {
		key := path.Segments[0]
		known := path.Namespace == "input" || path.Namespace == "args" && params[key] ||
			path.Namespace == "tool" && c.Policy.Tools[key] != nil
		if !known {
			c.report(name, "policy-variable")
		}
	}
}

// ReadEnvironment reads the argument env of an operation. The error is ErrMalformed or ErrExhausted.
func ReadEnvironment(data []byte) (Lookup, error) {
	value, err := Decode(data, ValueBytes)
	if err != nil {
		return nil, err
	}
	env, ok := value.(Map)
	if !ok {
		return nil, ErrMalformed
	}
	for _, member := range env {
		if !slices.Contains(namespaces, member.Key) || !isMap(member.Value) {
			return nil, ErrMalformed
		}
	}
	return func(namespace, key string) (Value, bool, error) {
		value, found := mapAt(env, namespace).Get(key)
		return value, found, nil
	}, nil
}
