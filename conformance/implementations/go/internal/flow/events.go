package flow

var (
	placeForm = []member{need("node", nameForm), may("sub", nameForm)}
	digestOf  = text(64, 64)
	reason    = need("why", word("timeout", "backoff", "wait"))
	ended     = word("rejected", "succeeded", "failed", "budget_exceeded", "stalled")
	refNames  = listOf(1, many, nameForm)
	cause     = members([]member{need("class", isText), may("why", isText)})
	defect    = func(value Value) bool { return listOf(2, 2, isText)(value) }
)

func event(name string, more ...[]member) form {
	return members(append(more, []member{need("e", word(name))})...)
}

// isEvent is logged of flow.cddl.
var isEvent = either(
	event("admitted", []member{need("program", digestOf), need("policy", digestOf), need("input", digestOf)}),
	event("planned"),
	event("rejected", []member{need("defects", listOf(1, many, defect))}),
	event("entered", []member{need("node", nameForm), need("visit", nat)}),
	event("decided", []member{need("node", nameForm), need("taken", nameForm)}),
	event("waiting", []member{need("node", nameForm), need("event", t64)}),
	event("called", placeForm, []member{need("tool", nameForm), need("attempt", nat), need("args", digestOf)}),
	event("denied", placeForm, []member{need("tool", nameForm), need("why", word("ref", "erased", "when"))}),
	event("timer", placeForm, []member{reason, need("ms", nat)}),
	event("fired", placeForm, []member{reason}),
	event("pending", placeForm, []member{need("attempt", nat)}),
	event("settled", placeForm, []member{
		need("attempt", nat), need("outcome", word("ok")), need("usage", nat), need("value", digestOf),
	}),
	event("settled", placeForm, []member{
		need("attempt", nat), need("outcome", word("error", "bad", "timeout", "undeliverable")), need("usage", nat),
	}),
	event("resumed", []member{need("node", nameForm), need("event", t64), need("value", digestOf)}),
	event("failed", placeForm, []member{need("failure", cause)}),
	event("erased", []member{need("refs", refNames)}),
	event("gone", []member{need("refs", refNames)}),
	event("continued", []member{need("program", digestOf)}),
	event("cut"),
	event("ended", []member{need("status", ended)}),
	event("ignored", []member{need("why", isText)}),
)

// ReadTrace reads the encoding of a list of events: flow.metric.refused.
func ReadTrace(data []byte) ([]Map, error) {
	value, err := Decode(data, len(data))
	list, ok := value.(List)
	if err != nil || !ok {
		return nil, ErrMalformed
	}
	var events []Map
	for _, item := range list {
		if !isEvent(item) {
			return nil, ErrMalformed
		}
		events = append(events, item.(Map))
	}
	return events, nil
}
