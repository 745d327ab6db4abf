package flow

import (
	"cmp"
	"slices"
	"strings"
)

// Expression is a parsed expression.
type Expression struct {
	root  node
	Paths []Path // of its vars, in their order
}

// Lookup returns what a namespace has under its first segment: an environment. An error ends the evaluation.
type Lookup func(namespace, key string) (value Value, found bool, err error)

// Wrong is an error of an evaluation: unbound or type.
type Wrong string

func (w Wrong) Error() string { return string(w) }

// The errors of evaluations.
const (
	Unbound   = Wrong("unbound")
	WrongType = Wrong("type")
)

// node is a part of an expression.
type node interface {
	value(env Lookup) (Value, error)
}

type (
	constant   struct{ of Value }
	variable   struct{ path Path }
	has        struct{ path Path }
	negation   struct{ of node }
	group      struct{ of node }
	connective struct {
		sides []node
		stop  bool // the value that ends the evaluation: true for or
	}
	comparison struct {
		operator    string
		left, right node
	}
)

type parser struct {
	tokens []token
	open   int // parentheses and operators not
	paths  []Path
}

// ParseExpression reads an expression: flow.expr.whole-input. The error is ErrMalformed or ErrExhausted.
func ParseExpression(text string) (*Expression, error) {
	tokens, err := tokenize(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	root, err := p.or()
	if err == nil && p.tokens[0].kind != endToken {
		err = ErrMalformed
	}
	return &Expression{group{root}, p.paths}, err
}

// take reads a sign if it is next.
func (p *parser) take(signs ...string) (string, bool) {
	if next := p.tokens[0]; next.kind == signToken && slices.Contains(signs, next.text) {
		p.tokens = p.tokens[1:]
		return next.text, true
	}
	return "", false
}

func (p *parser) or() (node, error)  { return p.connected("or", true, p.and) }
func (p *parser) and() (node, error) { return p.connected("and", false, p.unary) }

func (p *parser) connected(word string, stop bool, side func() (node, error)) (node, error) {
	first, err := side()
	if err != nil {
		return nil, err
	}
	sides := []node{first}
	for {
		if _, more := p.take(word); !more {
			break
		}
		next, err := side()
		if err != nil {
			return nil, err
		}
		sides = append(sides, next)
	}
	if len(sides) == 1 {
		return first, nil
	}
	return connective{sides, stop}, nil
}

func (p *parser) enter() error {
	if p.open++; p.open > expressionNesting {
		return ErrExhausted
	}
	return nil
}

func (p *parser) unary() (node, error) {
	if _, ok := p.take("not"); !ok {
		return p.test()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	of, err := p.unary()
	p.open--
	return negation{of}, err
}

func (p *parser) test() (node, error) {
	if _, ok := p.take("has"); ok {
		of, err := p.operand()
		v, isVar := of.(variable)
		if err != nil || !isVar {
			return nil, ErrMalformed
		}
		return has(v), nil
	}
	if _, ok := p.take("("); ok {
		if err := p.enter(); err != nil {
			return nil, err
		}
		of, err := p.or()
		p.open--
		if err != nil {
			return nil, err
		}
		if _, closed := p.take(")"); !closed {
			return nil, ErrMalformed
		}
		return group{of}, nil
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	operator, ok := p.take("==", "!=", "<", "<=", ">", ">=", "in", "not")
	if !ok {
		return left, nil
	}
	if operator == "not" {
		if _, ok := p.take("in"); !ok {
			return nil, ErrMalformed
		}
		operator = "not in"
	}
	right, err := p.operand()
	return comparison{operator, left, right}, err
}

func (p *parser) operand() (node, error) {
	next := p.tokens[0]
	switch next.kind {
	case valueToken:
		p.tokens = p.tokens[1:]
		return constant{next.value}, nil
	case pathToken:
		p.tokens = p.tokens[1:]
		p.paths = append(p.paths, next.path)
		return variable{next.path}, nil
	}
	return nil, ErrMalformed
}

// Holds evaluates an expression: flow.expr.total. The error is a Wrong, or one of the environment.
func (e *Expression) Holds(env Lookup) (bool, error) {
	value, err := e.root.value(env)
	if err != nil {
		return false, err
	}
	return value.(bool), nil
}

func (c constant) value(Lookup) (Value, error) { return c.of, nil }

func (v variable) value(env Lookup) (Value, error) { return v.path.value(env) }

// value evaluates a var segment by segment: flow.expr.unbound, flow.expr.no-shadowing.
func (p Path) value(env Lookup) (Value, error) {
	value, found, err := env(p.Namespace, p.Segments[0])
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, Unbound
	}
	for _, segment := range p.Segments[1:] {
		m, ok := value.(Map)
		if !ok {
			return nil, WrongType
		}
		if value, ok = m.Get(segment); !ok {
			return nil, Unbound
		}
	}
	return value, nil
}

func (h has) value(env Lookup) (Value, error) {
	_, err := h.path.value(env)
	if err == Unbound {
		return false, nil
	}
	return true, err
}

// truth evaluates a part whose value has to be a bool: flow.expr.boolean.
func truth(of node, env Lookup) (bool, error) {
	value, err := of.value(env)
	if err != nil {
		return false, err
	}
	b, ok := value.(bool)
	if !ok {
		return false, WrongType
	}
	return b, nil
}

func (n negation) value(env Lookup) (Value, error) {
	b, err := truth(n.of, env)
	return !b, err
}

func (g group) value(env Lookup) (Value, error) { return truth(g.of, env) }

// value evaluates from left to right and stops early: flow.expr.short-circuit.
func (c connective) value(env Lookup) (Value, error) {
	for _, side := range c.sides {
		b, err := truth(side, env)
		if err != nil || b == c.stop {
			return b, err
		}
	}
	return !c.stop, nil
}

func (c comparison) value(env Lookup) (Value, error) {
	left, err := c.left.value(env)
	if err != nil {
		return nil, err
	}
	right, err := c.right.value(env)
	if err != nil {
		return nil, err
	}
	switch c.operator {
	case "==", "!=":
		if left != nil && right != nil && kindOf(left) != kindOf(right) {
			return nil, WrongType
		}
		return Equal(left, right) == (c.operator == "=="), nil
	case "in", "not in":
		inside, err := contains(left, right)
		return inside == (c.operator == "in"), err
	}
	order, err := order(left, right)
	if err != nil {
		return nil, err
	}
	switch c.operator {
	case "<":
		return order < 0, nil
	case "<=":
		return order <= 0, nil
	case ">":
		return order > 0, nil
	}
	return order >= 0, nil
}

func kindOf(value Value) byte {
	switch value.(type) {
	case nil:
		return 0
	case bool:
		return 1
	case int64:
		return 2
	case string:
		return 3
	case Ref:
		return 4
	case List:
		return 5
	}
	return 6
}

func contains(item, whole Value) (bool, error) {
	if list, ok := whole.(List); ok {
		return slices.ContainsFunc(list, func(other Value) bool { return Equal(item, other) }), nil
	}
	text, ok := item.(string)
	if !ok {
		return false, WrongType
	}
	switch whole := whole.(type) {
	case string:
		return strings.Contains(whole, text), nil
	case Map:
		_, found := whole.Get(text)
		return found, nil
	}
	return false, WrongType
}

// order compares two ints or two texts; bytes of UTF-8 are in the order of code points: flow.expr.text-order.
func order(left, right Value) (int, error) {
	switch left := left.(type) {
	case int64:
		if right, ok := right.(int64); ok {
			return cmp.Compare(left, right), nil
		}
	case string:
		if right, ok := right.(string); ok {
			return strings.Compare(left, right), nil
		}
	}
	return 0, WrongType
}
