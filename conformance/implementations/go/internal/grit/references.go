package grit

import (
	"regexp"
	"slices"
	"strings"
)

var (
	refName   = regexp.MustCompile(`\A[a-z][a-z0-9-]{0,31}/[a-z0-9](?:[a-z0-9._-]{0,198}[a-z0-9])?\z`)
	actorName = regexp.MustCompile(`\A[0-9a-f]{64}\z`)
	zeroName  = strings.Repeat("0", 64)
)

// ValidRef reports whether a text is the name of a reference, grit.ref.grammar.
func ValidRef(name string) bool {
	if !refName.MatchString(name) || strings.Contains(name, "..") {
		return false
	}
	space, rest, _ := strings.Cut(name, "/")
	switch space {
	case "heads", "failed":
		return actorName.MatchString(rest) && rest != zeroName
	case "runtime":
		return rest == "agent"
	}
	return true
}

// targetFits reports whether an object may be the target of a name in its space, grit.ref.target.
func targetFits(name string, o *Object) bool {
	space, rest, _ := strings.Cut(name, "/")
	switch space {
	case "heads":
		return o.Kind == Step && o.Actor.String() == rest
	case "failed":
		return o.Kind == Mailbox && len(o.Entries) == 1
	case "actors", "runtime":
		return o.Kind == Tree
	}
	return true
}

// Change is one change of a reference; None means that there is no such reference.
type Change struct {
	Name     string
	Old, New ID
	NoOld    bool // the change expects that the reference is absent, and not the id of only zeros
	NoNew    bool
}

// Cas makes all changes or none: grit.ref.cas, grit.ref.atomic, grit.ref.limit.
func (s *Store) Cas(changes []Change) error {
	names := map[string]bool{}
	for _, change := range changes {
		if !ValidRef(change.Name) || names[change.Name] {
			return invalid("bad or repeated name %q", change.Name)
		}
		names[change.Name] = true
	}
	if len(changes) > CasNames {
		return exhausted("%d changes", len(changes))
	}
	count := len(s.refs)
	for _, change := range changes {
		target, there := s.refs[change.Name]
		if there == change.NoOld || there && target != change.Old {
			return Refuse("rejected", "conflict", "%s has another target", change.Name)
		}
		if change.NoNew {
			if there {
				count--
			}
			continue
		}
		if !there {
			count++
		}
		if there && change.New == change.Old {
			continue
		}
		if _, err := s.Get(change.New); err != nil {
			return err
		}
		if object, err := s.Load(change.New); err != nil || !targetFits(change.Name, object) {
			return Refuse("rejected", "", "%s cannot have a %s as its target", change.Name, object.Kind)
		}
	}
	if count > RefsLimit {
		return exhausted("%d references", count)
	}
	for _, change := range changes {
		if change.NoNew {
			delete(s.refs, change.Name)
		} else {
			s.refs[change.Name] = change.New
		}
	}
	return nil
}

// Ref is a reference.
type Ref struct {
	Name   string
	Target ID
}

// Refs lists references in ascending order from one snapshot, grit.ref.list and grit.ref.snapshot.
func (s *Store) Refs(prefix string, after *string, limit int) (refs []Ref, more bool) {
	names := []string{}
	for name := range s.refs {
		if strings.HasPrefix(name, prefix) && (after == nil || name > *after) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if more = len(names) > limit; more {
		names = names[:limit]
	}
	for _, name := range names {
		refs = append(refs, Ref{name, s.refs[name]})
	}
	return refs, more
}
