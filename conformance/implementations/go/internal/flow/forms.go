package flow

import (
	"slices"
	"strings"
)

// form reports whether a value is of a form of flow.cddl.
type form func(Value) bool

// member is a member of a closed map.
type member struct {
	key      string
	of       form
	optional bool
}

func need(key string, of form) member { return member{key, of, false} }
func may(key string, of form) member  { return member{key, of, true} }

// members reports whether a map has the required members, and no unknown ones: flow.check.closed.
func members(all ...[]member) form {
	fields := slices.Concat(all...)
	return func(value Value) bool {
		m, ok := value.(Map)
		known := 0
		for _, field := range fields {
			item, found := m.Get(field.key)
			if found && !field.of(item) || !found && !field.optional {
				return false
			}
			if found {
				known++
			}
		}
		return ok && known == len(m)
	}
}

func either(forms ...form) form {
	return func(value Value) bool {
		return slices.ContainsFunc(forms, func(of form) bool { return of(value) })
	}
}

func number(low, high int64) form {
	return func(value Value) bool {
		n, ok := value.(int64)
		return ok && n >= low && n <= high
	}
}

func text(low, high int) form {
	return func(value Value) bool {
		text, ok := value.(string)
		return ok && len(text) >= low && len(text) <= high
	}
}

func word(texts ...string) form {
	return func(value Value) bool {
		text, ok := value.(string)
		return ok && slices.Contains(texts, text)
	}
}

func isNull(value Value) bool { return value == nil }

func isBool(value Value) bool {
	_, ok := value.(bool)
	return ok
}

func isAny(Value) bool { return true }

func isText(value Value) bool {
	_, ok := value.(string)
	return ok
}

func isMap(value Value) bool {
	_, ok := value.(Map)
	return ok
}

func nameForm(value Value) bool {
	text, ok := value.(string)
	return ok && IsName(text)
}

func isExit(value Value) bool {
	text, ok := value.(string)
	branch, exit, _ := strings.Cut(text, ".")
	return ok && IsName(branch) && (exit == "then" || exit == "else")
}

// listOf reports whether a value is a list of so many elements of a form.
func listOf(low, high int, of form) form {
	return func(value Value) bool {
		list, ok := value.(List)
		return ok && len(list) >= low && len(list) <= high &&
			!slices.ContainsFunc(list, func(item Value) bool { return !of(item) })
	}
}

// distinct is listOf with texts that differ.
func distinct(low, high int, of form) form {
	items := listOf(low, high, of)
	return func(value Value) bool {
		if !items(value) {
			return false
		}
		seen := map[Value]bool{}
		for _, item := range value.(List) {
			seen[item] = true
		}
		return len(seen) == len(value.(List))
	}
}

// ascending is a list of names in key order.
func ascending(low, high int) form {
	items := listOf(low, high, nameForm)
	return func(value Value) bool {
		if !items(value) {
			return false
		}
		list := value.(List)
		for i := 1; i < len(list); i++ {
			if CompareKeys(list[i-1].(string), list[i].(string)) >= 0 {
				return false
			}
		}
		return true
	}
}

// mapOf reports whether a value is a map of so many members whose keys and values are of forms.
func mapOf(low, high int, key, of form) form {
	return func(value Value) bool {
		m, ok := value.(Map)
		return ok && len(m) >= low && len(m) <= high &&
			!slices.ContainsFunc(m, func(item Member) bool { return !key(item.Key) || !of(item.Value) })
	}
}

const (
	many      = 1 << 30
	maxNat    = 1<<63 - 1
	maxTokens = 1_000_000_000_000
	maxTime   = 86_400_000 // milliseconds
)

var (
	t64    = text(1, 64)
	nat    = number(0, maxNat)
	tokens = number(0, maxTokens)
	work   = []member{
		need("tool", nameForm), need("args", isMap),
		may("retry", members([]member{need("max_attempts", number(1, 10)), may("backoff_ms", number(0, 30_000))})),
		may("timeout_ms", number(1, maxTime)), may("one_of", distinct(1, 64, text(0, 1024))),
	}
	guards  = may("guards", distinct(1, 16, isExit))
	onError = may("on_error", nameForm)
	next    = need("next", nameForm)
	subForm = members(work, []member{may("depends_on", distinct(1, many, nameForm)), may("optional", isBool)})
	// nodeForm is node of flow.cddl.
	nodeForm = either(
		members([]member{need("kind", word("call")), next, onError, guards}, work),
		members([]member{
			need("kind", word("parallel")), need("calls", mapOf(1, 64, nameForm, subForm)), next,
			may("width", number(1, 64)), onError, guards,
		}),
		members([]member{
			need("kind", word("branch")), need("if", isText), need("then", nameForm), need("else", nameForm),
		}),
		members([]member{
			need("kind", word("wait")), need("event", t64), next, may("timeout_ms", number(1, maxTime)), onError,
		}),
		members([]member{
			need("kind", word("end")), need("outcome", word("success", "failure")), may("output", isAny),
		}),
	)
	limitMembers = []member{
		may("max_steps", number(1, 10_000)), may("max_calls", number(1, 10_000)), may("max_tokens", tokens),
		may("max_stalled", number(1, 1_000)), may("max_visits", number(1, 10_000)),
	}
	// programForm is program of flow.cddl without the forms of its nodes.
	programForm = members([]member{
		need("flow", number(1, 1)), need("name", t64), need("start", nameForm),
		need("nodes", mapOf(1, 1024, nameForm, isAny)), may("desc", isText), may("limits", members(limitMembers)),
	})
	peers    = distinct(0, many, nameForm)
	toolForm = members([]member{
		need("peer", nameForm), need("params", distinct(0, many, t64)), may("refs", distinct(0, many, t64)),
		may("when", isText), may("cost", number(0, 1_000_000_000)), may("guarded", isBool),
	})
	policyForm = members([]member{
		need("flow_policy", number(1, 1)), need("tools", mapOf(0, many, nameForm, isTool)),
		may("timer", nameForm), may("eraser", nameForm), may("agent", nameForm),
		may("events", mapOf(0, many, t64, distinct(1, many, nameForm))),
		may("limits", members(limitMembers, []member{may("max_replans", number(0, 16))})),
		may("control", members([]member{
			may("cancel", peers), may("erase", peers), may("replan", peers), may("cleanup", peers),
		})),
	})
)

// isTool also compares refs with params.
func isTool(value Value) bool {
	if !toolForm(value) {
		return false
	}
	params := setOf(textsOf(value.(Map), "params"))
	return !slices.ContainsFunc(textsOf(value.(Map), "refs"), func(name string) bool { return !params[name] })
}

func setOf(texts []string) map[string]bool {
	set := map[string]bool{}
	for _, text := range texts {
		set[text] = true
	}
	return set
}

// The forms of other documents.
var (
	// IsCarry is carry of flow.cddl.
	IsCarry = members([]member{need("calls", nat), need("replans", nat), need("steps", nat), need("tokens", nat)})
	// IsErased is the list of names at erased of a core.
	IsErased = ascending(1, many)
	// IsErasing is the document of a flow.erase to a flow.
	IsErasing = members([]member{need("refs", ascending(1, 1024))})
	// IsErase is the document of a flow.erase of a flow.
	IsErase = members([]member{need("flow", number(1, 1)), need("refs", ascending(1, 1024))})
	// IsEvent is the document of a flow.event.
	IsEvent = members([]member{need("node", nameForm), need("visit", nat), need("event", t64), need("value", isAny)})
	// IsResult is the document of a flow.result.
	IsResult = either(
		members([]member{
			need("outcome", word("ok")), need("attempt", nat), need("value", isAny), may("usage", tokens),
		}),
		members([]member{need("outcome", word("pending")), need("attempt", nat)}),
		members([]member{
			need("outcome", word("error")), need("attempt", nat), may("usage", tokens),
			need("error", members([]member{need("class", t64), need("retry", isBool)})),
		}),
	)
	// HasAttempt is a map with a natural number attempt.
	HasAttempt form = func(value Value) bool {
		m, ok := value.(Map)
		attempt, found := m.Get("attempt")
		return ok && found && nat(attempt)
	}
)
