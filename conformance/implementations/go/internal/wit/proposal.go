package wit

import (
	"bytes"
	"slices"

	"gritstone.example/implementation/internal/grit"
)

// Kind is a kind of message, wit.kind.precedence.
type Kind string

// The kinds of message.
const (
	Genesis   Kind = "genesis"
	Waiting   Kind = "waiting"
	Update    Kind = "update"
	Cleanup   Kind = "cleanup"
	Duplicate Kind = "duplicate"
	Ordinary  Kind = "ordinary"
)

// kindOf returns the kind of an unread message for an actor.
func kindOf(actor grit.ID, hasStep bool, message *grit.Object) Kind {
	switch mt := message.Header("mt"); {
	case !hasStep && message.Content == actor:
		return Genesis
	case !hasStep:
		return Waiting
	case mt == "update":
		return Update
	case mt == "cleanup":
		return Cleanup
	case message.Content == actor:
		return Duplicate
	}
	return Ordinary
}

// Unread returns the unread messages of a channel, oldest first, and whether the chain is fresh: wit.channel.unread.
// More messages than limit are exhausted; a tip that is not a message is invalid.
func Unread(reader grit.Reader, tip, cursor grit.ID, limit int) (ids []grit.ID, fresh bool, err error) {
	for id := tip; id != cursor || cursor == grit.None; { // a tip of zeros is not stored: grit.id.zero
		if len(ids) == limit {
			return nil, false, grit.Refuse("exhausted", "", "more than %d unread messages", limit)
		}
		message, err := load(reader, id, grit.Message)
		if err != nil {
			return nil, false, err
		}
		ids = append(ids, id)
		if message.Previous == grit.None {
			fresh = true
			break
		}
		id = message.Previous
	}
	slices.Reverse(ids)
	return ids, fresh, nil
}

// Covered is one message that a proposal covers.
type Covered struct{ Sender, Message grit.ID }

// Proposal has the messages that a transition reads.
type Proposal struct {
	Kind    Kind
	Covered []Covered                    // senders ascending, for each oldest first
	Entries map[grit.ID]grit.ID          // of the mailbox
	Unread  map[grit.ID]map[grit.ID]bool // the messages covered, by sender
}

const anyLength = 1 << 62

// propose reads a proposal without the heads of the senders, or refuses it: wit.proposal.valid.
func propose(reader grit.Reader, actor grit.ID, last *grit.Object, inbox [][2]grit.ID) (*Proposal, error) {
	cursors, err := mailbox(reader, last, func(o *grit.Object) grit.ID { return o.Inbox })
	if err != nil {
		return nil, err
	}
	p := &Proposal{Entries: map[grit.ID]grit.ID{}, Unread: map[grit.ID]map[grit.ID]bool{}}
	inbox = slices.Clone(inbox)
	slices.SortFunc(inbox, func(a, b [2]grit.ID) int { return bytes.Compare(a[0][:], b[0][:]) })
	for _, pair := range inbox {
		sender, tip := pair[0], pair[1]
		if _, twice := p.Entries[sender]; twice {
			return nil, badProposal("the sender %s twice", sender)
		}
		p.Entries[sender] = tip
		p.Unread[sender] = map[grit.ID]bool{}
		ids, _, err := Unread(reader, tip, cursors[sender], anyLength)
		if grit.IsRefusal(err, "invalid") {
			return nil, badProposal("%s", err)
		}
		if err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			return nil, badProposal("nothing of %s is unread", sender)
		}
		for _, id := range ids {
			message, err := reader.Load(id)
			if err != nil {
				return nil, err
			}
			kind := kindOf(actor, last != nil, message)
			if p.Kind != "" && kind != p.Kind {
				return nil, badProposal("messages of the kinds %s and %s", p.Kind, kind)
			}
			p.Kind = kind
			p.Covered = append(p.Covered, Covered{sender, id})
			p.Unread[sender][id] = true
		}
	}
	if len(p.Covered) == 0 || p.Kind == Waiting || p.Kind != Ordinary && len(p.Covered) > 1 {
		return nil, badProposal("%d messages of the kind %q", len(p.Covered), p.Kind)
	}
	return p, nil
}

// mailbox returns the inbox or outbox of a step as a map; no step has none.
func mailbox(reader grit.Reader, step *grit.Object, field func(*grit.Object) grit.ID) (map[grit.ID]grit.ID, error) {
	entries := map[grit.ID]grit.ID{}
	if step == nil || field(step) == grit.None {
		return entries, nil
	}
	box, err := load(reader, field(step), grit.Mailbox)
	if err != nil {
		return nil, err
	}
	for _, entry := range box.Entries {
		entries[grit.ID([]byte(entry.Key))] = entry.ID
	}
	return entries, nil
}

// Inbox returns the inbox of a step as a map.
func Inbox(reader grit.Reader, step *grit.Object) (map[grit.ID]grit.ID, error) {
	return mailbox(reader, step, func(o *grit.Object) grit.ID { return o.Inbox })
}

// Outbox returns the outbox of a step as a map.
func Outbox(reader grit.Reader, step *grit.Object) (map[grit.ID]grit.ID, error) {
	return mailbox(reader, step, func(o *grit.Object) grit.ID { return o.Outbox })
}

// MakeMailbox makes a mailbox of a map; an empty one is None.
func MakeMailbox(overlay *grit.Overlay, entries map[grit.ID]grit.ID) (grit.ID, error) {
	box := &grit.Object{Kind: grit.Mailbox}
	for key, id := range entries {
		box.Entries = append(box.Entries, grit.Entry{Key: string(key[:]), ID: id})
	}
	if len(entries) == 0 {
		return grit.None, nil
	}
	return overlay.Make(box)
}
