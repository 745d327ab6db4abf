package flow

// graph has the nodes of a program and the exits of its branches as numbers; the start is 0.
type graph struct {
	numbers map[string]int // of nodes, and of exits by their names
	edges   [][]int
}

func newGraph(p *Program) *graph {
	g := &graph{numbers: map[string]int{p.Start: 0}, edges: make([][]int, 1)}
	add := func(name string) int {
		if at, known := g.numbers[name]; known {
			return at
		}
		g.numbers[name] = len(g.edges)
		g.edges = append(g.edges, nil)
		return len(g.edges) - 1
	}
	for _, name := range p.Order {
		add(name)
	}
	for _, name := range p.Order {
		n, from := p.Nodes[name], g.numbers[name]
		for _, to := range []string{n.Next, n.OnError} {
			if to != "" {
				g.edges[from] = append(g.edges[from], g.numbers[to])
			}
		}
		if n.Kind == "branch" {
			for _, exit := range [][2]string{{".then", n.Then}, {".else", n.Else}} {
				at := add(name + exit[0])
				g.edges[from] = append(g.edges[from], at)
				g.edges[at] = []int{g.numbers[exit[1]]}
			}
		}
	}
	return g
}

// ways is stage 6.
func (c *checker) ways() {
	g := newGraph(c.Program)
	tree := g.dominators()
	cyclic := g.cyclic()
	exit := false
	for _, name := range c.Program.Order {
		n, at := c.Program.Nodes[name], g.numbers[name]
		reachable := tree.reaches(at)
		if !reachable {
			c.report(name, "unreachable")
		}
		exit = exit || reachable && n.Kind == "end"
		if cyclic[at] && c.Program.Limits["max_visits"] == 1 {
			c.report(name, "cycle")
		}
		for _, guard := range n.Guards {
			number, known := g.numbers[guard]
			if !known || reachable && !tree.dominates(number, at) {
				c.report(name, "guard")
			}
		}
	}
	if !exit {
		c.report("", "no-exit")
	}
}

// cyclic finds what is on a cycle: the strongly connected components, by the algorithm of Tarjan.
func (g *graph) cyclic() []bool {
	cyclic, order, low := make([]bool, len(g.edges)), make([]int, len(g.edges)), make([]int, len(g.edges))
	var stack []int
	onStack := make([]bool, len(g.edges))
	count := 0
	var visit func(int)
	visit = func(at int) {
		count++
		order[at], low[at] = count, count
		stack, onStack[at] = append(stack, at), true
		for _, to := range g.edges[at] {
			if order[to] == 0 {
				visit(to)
				low[at] = min(low[at], low[to])
			} else if onStack[to] {
				low[at] = min(low[at], order[to])
			}
			cyclic[at] = cyclic[at] || to == at
		}
		if low[at] != order[at] {
			return
		}
		alone := stack[len(stack)-1] == at
		for onStack[at] {
			top := stack[len(stack)-1]
			stack, onStack[top] = stack[:len(stack)-1], false
			cyclic[top] = cyclic[top] || !alone
		}
	}
	for at := range g.edges {
		if order[at] == 0 {
			visit(at)
		}
	}
	return cyclic
}

// dominatorTree has, for each number that the start reaches, the span of a walk of the tree of dominators.
type dominatorTree struct{ first, last []int }

func (t *dominatorTree) reaches(at int) bool { return t.first[at] > 0 }

// dominates reports whether every way from the start to b passes a; both are reachable, or a is not.
func (t *dominatorTree) dominates(a, b int) bool {
	return t.reaches(a) && t.first[a] <= t.first[b] && t.last[b] <= t.last[a]
}

// lengauer is the algorithm of Lengauer and Tarjan with path compression. Numbers are those of a depth-first walk.
type lengauer struct {
	vertex, parent, semi, ancestor, label, dominator []int
	before                                           [][]int // edges in the other direction
}

func (g *graph) dominators() *dominatorTree {
	l, number := g.walk()
	buckets := make([][]int, len(l.vertex))
	for w := len(l.vertex) - 1; w > 0; w-- {
		for _, v := range l.before[w] {
			l.semi[w] = min(l.semi[w], l.semi[l.evaluate(v)])
		}
		buckets[l.semi[w]] = append(buckets[l.semi[w]], w)
		p := l.parent[w]
		l.ancestor[w] = p
		for _, v := range buckets[p] {
			l.dominator[v] = p
			if u := l.evaluate(v); l.semi[u] < l.semi[v] {
				l.dominator[v] = u
			}
		}
		buckets[p] = nil
	}
	children := make([][]int, len(l.vertex))
	for w := 1; w < len(l.vertex); w++ {
		if l.dominator[w] != l.semi[w] {
			l.dominator[w] = l.dominator[l.dominator[w]]
		}
		children[l.dominator[w]] = append(children[l.dominator[w]], w)
	}
	return spans(l, children, number)
}

// walk numbers what the start reaches, depth first.
func (g *graph) walk() (*lengauer, []int) {
	l, number := &lengauer{}, make([]int, len(g.edges))
	var visit func(at, parent int)
	visit = func(at, parent int) {
		l.vertex, l.parent = append(l.vertex, at), append(l.parent, parent)
		number[at] = len(l.vertex)
		self := len(l.vertex) - 1
		l.before = append(l.before, nil)
		for _, to := range g.edges[at] {
			if number[to] == 0 {
				visit(to, self)
			}
			l.before[number[to]-1] = append(l.before[number[to]-1], self)
		}
	}
	visit(0, -1)
	for i := range l.vertex {
		l.semi, l.label = append(l.semi, i), append(l.label, i)
		l.ancestor, l.dominator = append(l.ancestor, -1), append(l.dominator, 0)
	}
	return l, number
}

// evaluate returns the number with the least semidominator on the way up to the root of v in the forest.
func (l *lengauer) evaluate(v int) int {
	if l.ancestor[v] < 0 {
		return v
	}
	l.compress(v)
	return l.label[v]
}

func (l *lengauer) compress(v int) {
	above := l.ancestor[v]
	if l.ancestor[above] < 0 {
		return
	}
	l.compress(above)
	if l.semi[l.label[above]] < l.semi[l.label[v]] {
		l.label[v] = l.label[above]
	}
	l.ancestor[v] = l.ancestor[above]
}

func spans(l *lengauer, children [][]int, number []int) *dominatorTree {
	t := &dominatorTree{make([]int, len(number)), make([]int, len(number))}
	count := 0
	var visit func(int)
	visit = func(w int) {
		count++
		t.first[l.vertex[w]] = count
		for _, child := range children[w] {
			visit(child)
		}
		t.last[l.vertex[w]] = count
	}
	visit(0)
	return t
}

// cyclicSubs reports the subs of a parallel that depend on themselves, in sets of at most 64 bits.
func cyclicSubs(subs []*Sub) []string {
	numbers, reach := map[string]int{}, make([]uint64, len(subs))
	for i, sub := range subs {
		numbers[sub.Name] = i
	}
	for i, sub := range subs {
		for _, name := range sub.DependsOn {
			if at, known := numbers[name]; known {
				reach[i] |= 1 << at
			}
		}
	}
	for through := range subs {
		for i := range subs {
			if reach[i]>>through&1 == 1 {
				reach[i] |= reach[through]
			}
		}
	}
	var cyclic []string
	for i, sub := range subs {
		if reach[i]>>i&1 == 1 {
			cyclic = append(cyclic, sub.Name)
		}
	}
	return cyclic
}

// parallel checks the subs of a parallel.
func (c *checker) parallel(name string, n *Node) {
	for _, sub := range n.Subs {
		at := name + "." + sub.Name
		c.work(at, name, n, &sub.Work, sub.DependsOn, "input", "out", "prior", "dep")
		for _, other := range sub.DependsOn {
			if n.Sub(other) == nil {
				c.report(at, "unknown-target")
			}
		}
	}
	for _, sub := range cyclicSubs(n.Subs) {
		c.report(name+"."+sub, "depends-cycle")
	}
}
