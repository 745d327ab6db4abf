package guest

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gritstone.example/implementation/internal/grit"
)

func (h *hostCall) input() (int64, error) {
	which := h.args[0]
	if which > 7 {
		return invalid, nil
	}
	id := h.inputs[which]
	if id == grit.None {
		return absent, h.charge(0, 0)
	}
	object, err := h.object(id)
	if err != nil {
		return 0, err
	}
	if err := h.charge(32, 0); err != nil {
		return 0, err
	}
	h.give(0, id)
	return int64(object.Kind), nil
}

func (h *hostCall) covered() (int64, error) {
	if h.transition == nil || int64(h.args[0]) >= int64(len(h.transition.Proposal.Covered)) {
		return absent, h.charge(0, 0)
	}
	covered := h.transition.Proposal.Covered[h.args[0]]
	message, err := h.object(covered.Message)
	if err != nil {
		return 0, err
	}
	if err := h.charge(64, weigh(message)); err != nil {
		return 0, err
	}
	h.give(0, covered.Sender)
	h.give(1, covered.Message)
	return 0, nil
}

// passed returns the object of the first id, or the error of an id that is not in scope, of another kind, or erased
// where its bytes are asked for.
func (h *hostCall) passed(bytesAsked bool, kinds ...grit.Kind) (o *grit.Object, problem int64, err error) {
	if !h.known(h.ids[0], false, false) {
		return nil, unknown, nil
	}
	if o, err = h.object(h.ids[0]); err != nil {
		return nil, 0, err
	}
	switch {
	case !slices.Contains(kinds, o.Kind):
		return nil, kind, nil
	case bytesAsked && o.Erased:
		return nil, erased, nil
	}
	return o, 0, nil
}

func (h *hostCall) kind() (int64, error) {
	o, problem, err := h.passed(false, grit.Blob, grit.Tree, grit.Message, grit.Mailbox, grit.Step)
	if err != nil || problem != 0 {
		return problem, err
	}
	return int64(o.Kind), h.charge(0, 0)
}

func (h *hostCall) size() (int64, error) {
	o, problem, err := h.passed(true, grit.Blob, grit.Tree, grit.Mailbox)
	if err != nil || problem != 0 {
		return problem, err
	}
	if o.Kind == grit.Blob {
		return int64(len(o.Data)), h.charge(0, 0)
	}
	return int64(len(o.Entries)), h.charge(0, weigh(o))
}

func (h *hostCall) read() (int64, error) {
	o, problem, err := h.passed(true, grit.Blob)
	if err != nil || problem != 0 {
		return problem, err
	}
	data := o.Data[min(int64(h.args[1]), int64(len(o.Data))):]
	n := min(len(data), len(h.buffer))
	if err := h.charge(uint64(n), 0); err != nil {
		return 0, err
	}
	copy(h.buffer, data[:n])
	return int64(n), nil
}

func (h *hostCall) headers() (int64, error) {
	o, problem, err := h.passed(true, grit.Blob, grit.Message)
	if err != nil || problem != 0 {
		return problem, err
	}
	compare := func(a, b grit.Header) int { return strings.Compare(a.Key, b.Key) }
	ordered := slices.SortedFunc(slices.Values(o.Headers), compare)
	var list []byte
	for _, header := range ordered {
		list = append(append(list, header.Key...), 0)
		list = append(append(list, header.Value...), 0)
	}
	return h.text(list)
}

// text writes a text into the buffer if it fits, and answers with its length: wasm.abi.buffer.
func (h *hostCall) text(text []byte) (int64, error) {
	if len(text) > len(h.buffer) {
		return int64(len(text)), h.charge(0, 0)
	}
	if err := h.charge(uint64(len(text)), 0); err != nil {
		return 0, err
	}
	copy(h.buffer, text)
	return int64(len(text)), nil
}

func (h *hostCall) link() (int64, error) {
	o, problem, err := h.passed(false, grit.Message, grit.Step)
	if err != nil || problem != 0 {
		return problem, err
	}
	fields := []grit.ID{o.Previous, o.Content}
	if o.Kind == grit.Step {
		fields = []grit.ID{o.Previous, o.Actor, o.Inbox, o.Outbox, o.Core}
	}
	if int64(h.args[1]) >= int64(len(fields)) {
		return invalid, nil
	}
	return h.found(fields[h.args[1]], weigh(o))
}

// found writes an id and returns its kind, or ABSENT if there is none.
func (h *hostCall) found(id grit.ID, weight uint64) (int64, error) {
	if id == grit.None {
		return absent, h.charge(0, weight)
	}
	o, err := h.object(id)
	if err != nil {
		return 0, err
	}
	if err := h.charge(32, weight); err != nil {
		return 0, err
	}
	h.give(0, id)
	return int64(o.Kind), nil
}

func (h *hostCall) entry() (int64, error) {
	o, problem, err := h.passed(false, grit.Tree, grit.Mailbox)
	if err != nil || problem != 0 {
		return problem, err
	}
	entries := h.entries(h.ids[0], o)
	if int64(h.args[1]) >= int64(len(entries)) {
		return absent, h.charge(0, weigh(o))
	}
	entry := entries[h.args[1]]
	size := len(entry.Key)
	if size > len(h.buffer) {
		return int64(size), h.charge(0, weigh(o))
	}
	if err := h.charge(32+uint64(size), weigh(o)); err != nil {
		return 0, err
	}
	copy(h.buffer, entry.Key)
	if o.Kind == grit.Mailbox {
		h.scope[grit.ID([]byte(entry.Key))] = true
	}
	h.give(0, entry.ID)
	return int64(size), nil
}

func (h *hostCall) find() (int64, error) {
	o, problem, err := h.passed(false, grit.Tree, grit.Mailbox)
	if err != nil || problem != 0 {
		return problem, err
	}
	if o.Kind == grit.Mailbox {
		if len(h.texts[0]) != 32 {
			return invalid, nil
		}
		return h.found(lookup(h.entries(h.ids[0], o), string(h.texts[0])), weigh(o))
	}
	names, ok := h.path(h.texts[0])
	if !ok {
		return invalid, nil
	}
	id, weight := h.ids[0], uint64(0)
	for _, name := range names {
		o, err := h.object(id)
		if err != nil {
			return 0, err
		}
		if o.Kind != grit.Tree {
			return absent, h.charge(0, weight)
		}
		weight += weigh(o)
		if id = lookup(h.entries(id, o), name); id == grit.None {
			break
		}
	}
	return h.found(id, weight)
}

func (h *hostCall) setResult() (int64, error) {
	if !h.known(h.ids[0], true, true) {
		return unknown, nil
	}
	h.result = h.ids[0]
	return 0, h.charge(0, 0)
}

func (h *hostCall) queryName() (int64, error) {
	if h.query == nil {
		return absent, h.charge(0, 0)
	}
	return h.text([]byte(h.query.Name))
}

// askOther implements query: without a runtime actors have no heads, so that they cannot be queried.
func (h *hostCall) askOther() (int64, error) {
	actor, args := h.ids[0], h.ids[1]
	if len(h.texts[0]) > 65_535 || !utf8.Valid(h.texts[0]) {
		return invalid, nil
	}
	if !h.known(actor, false, false) || !h.known(args, false, false) {
		return unknown, nil
	}
	if fits, err := h.isKind(actor, false, grit.Tree); err != nil || !fits {
		return kind, err
	}
	if fits, err := h.isKind(args, false, grit.Blob); err != nil || !fits {
		return kind, err
	}
	if o, err := h.object(args); err != nil || o.Erased {
		return erased, err
	}
	return failed, h.charge(0, 0)
}

func (h *hostCall) random() (int64, error) {
	size := uint64(len(h.buffer))
	if err := h.instance.Charge((size + 1) / 2); err != nil {
		return 0, err
	}
	if h.plan.state.position+size > maxU63 {
		return limit, nil
	}
	h.plan.state.random(h.buffer)
	return 0, nil
}

func (h *hostCall) clock() (int64, error) { return int64(h.plan.state.tick(h.plan.manifest)), nil }

func (h *hostCall) attempt() (int64, error) {
	if h.transition == nil {
		return 1, nil
	}
	return int64(h.transition.Attempt), nil
}

func (h *hostCall) fuel() (int64, error) { return int64(h.instance.Fuel()), nil }

func (h *hostCall) log() (int64, error) { return 0, nil }

func (h *hostCall) fail() (int64, error) {
	return 0, &outcome{"failed", "guest:" + strconv.FormatUint(uint64(h.args[0]), 10)}
}
