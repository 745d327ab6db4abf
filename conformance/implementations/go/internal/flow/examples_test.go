package flow

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func examplesText(t *testing.T) string {
	text, err := os.ReadFile("../../../../../spec/flow/examples.rst")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rows returns the rows of the table of expressions by their outcome.
func rows(t *testing.T) map[string][]string {
	_, text, _ := strings.Cut(examplesText(t), "\nExpressions\n")
	rows, outcome := map[string][]string{}, ""
	for _, line := range regexp.MustCompile(`(?m)^   (.{12})(.*)$`).FindAllStringSubmatch(text, -1) {
		if word := strings.TrimSpace(line[1]); word != "" {
			outcome = word
		}
		rows[outcome] = append(rows[outcome], regexp.MustCompile(` {3,}`).Split(line[2], -1)...)
	}
	return rows
}

// written returns an expression of the table with the vars that its letters stand for.
func written(text string) string {
	if text == "(empty)" {
		return ""
	}
	repeated := regexp.MustCompile(`^True or True \.\.\. (\d+) times$`).FindStringSubmatch(text)
	if repeated != nil {
		return strings.TrimSuffix(strings.Repeat("True or ", map[string]int{"256": 256, "257": 257}[repeated[1]]), " or ")
	}
	parts := strings.Split(text, "'")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = regexp.MustCompile(`(^|[^.$\w])(x|s|l|m|n|b|nope)\b`).ReplaceAllString(parts[i], "${1}$$input.$2")
	}
	return strings.Join(parts, "'")
}

func TestExpressions(t *testing.T) {
	env, err := ReadEnvironment(Encode(NewMap(Member{"input", NewMap(
		Member{"x", int64(5)}, Member{"s", "yes"}, Member{"l", List{int64(1), "1", true}},
		Member{"m", NewMap(Member{"k", nil})}, Member{"n", nil}, Member{"b", true},
	)})))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for outcome, texts := range rows(t) {
		for _, text := range texts {
			if strings.TrimSpace(text) == "" {
				continue
			}
			seen++
			expression, err := ParseExpression(written(strings.TrimSpace(text)))
			got := map[error]string{ErrMalformed: "malformed", ErrExhausted: "exhausted"}[err]
			if err == nil {
				value, err := expression.Holds(env)
				got = map[bool]string{true: "True", false: "False"}[value]
				if err != nil {
					got = err.Error()
				}
			}
			if got != outcome {
				t.Errorf("%s: %s, not %s", text, got, outcome)
			}
		}
	}
	if seen < 37 {
		t.Errorf("only %d expressions were found", seen)
	}
}

func TestValues(t *testing.T) {
	_, text, _ := strings.Cut(examplesText(t), "\nValues\n")
	text, _, _ = strings.Cut(text, "\nExpressions\n")
	accepted, refused := 0, 0
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "   ") || strings.Contains(line, " 17 ") || strings.Contains(line, "accepted") {
			continue
		}
		line += strings.Repeat(" ", 60)
		for i, part := range []string{line[27:51], line[51:]} {
			for _, digits := range regexp.MustCompile(`\b(?:[0-9a-f]{2})+\b`).FindAllString(part, -1) {
				data, err := hex.DecodeString(digits)
				if err != nil {
					t.Fatal(err)
				}
				value, err := Decode(data, ValueBytes)
				if i == 0 && (err != nil || !bytes.Equal(Encode(value), data)) || i == 1 && !errors.Is(err, ErrMalformed) {
					t.Errorf("%s: %v, %v", digits, value, err)
				}
				accepted, refused = accepted+1-i, refused+i
			}
		}
	}
	if accepted < 5 || refused < 18 {
		t.Errorf("%d accepted and %d refused values were found", accepted, refused)
	}
	deep := append(bytes.Repeat([]byte{0x81}, 16), 0)
	if _, err := Decode(deep, ValueBytes); err != nil {
		t.Error(err)
	}
	if _, err := Decode(append([]byte{0x81}, deep...), ValueBytes); !errors.Is(err, ErrExhausted) {
		t.Error(err)
	}
}

// TestDominators compares the tree with the definition: a way to the node that avoids the exit.
func TestDominators(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	for range 2_000 {
		g := &graph{edges: make([][]int, 1+source.IntN(9))}
		for from := range g.edges {
			for range source.IntN(4) {
				g.edges[from] = append(g.edges[from], source.IntN(len(g.edges)))
			}
		}
		tree, cyclic := g.dominators(), g.cyclic()
		all := reachedWithout(g, 0, -1)
		for node := range g.edges {
			if tree.reaches(node) != all[node] {
				t.Fatalf("%v: %d is reached: %v", g.edges, node, all[node])
			}
			round := slices.ContainsFunc(g.edges[node], func(to int) bool { return reachedWithout(g, to, -1)[node] })
			if cyclic[node] != round {
				t.Fatalf("%v: %d is on a cycle: %v", g.edges, node, round)
			}
			for by := range g.edges {
				if all[node] && tree.dominates(by, node) != (all[by] && !reachedWithout(g, 0, by)[node]) {
					t.Fatalf("%v: %d dominates %d: %v", g.edges, by, node, tree.dominates(by, node))
				}
			}
		}
	}
}

// reachedWithout returns what is reached from a number on ways that avoid another one.
func reachedWithout(g *graph, from, without int) []bool {
	reached, stack := make([]bool, len(g.edges)), []int{from}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if at == without || reached[at] {
			continue
		}
		reached[at] = true
		stack = append(stack, g.edges[at]...)
	}
	return reached
}
