package guest

import (
	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wit"
)

// audit checks an admitted result against the grants, and returns the tanks of the created actors: wasm.manifest.deny.
func (c *call) audit() (tanks uint64, err error) {
	t := c.transition
	step, err := c.overlay.Load(c.result)
	if err != nil {
		return 0, err
	}
	a := &auditor{call: c, before: t.Core, after: step.Core, byUpdate: t.Entry == "wit_update"}
	if a.old, err = wit.Outbox(c.overlay, t.LastStep); err != nil {
		return 0, err
	}
	if a.outbox, err = wit.Outbox(c.overlay, step); err != nil {
		return 0, err
	}
	for _, check := range []func() error{a.host, a.code, a.mount, a.collect, a.send, a.spawn} {
		if err := check(); err != nil {
			return 0, err
		}
	}
	return a.tanks()
}

// sent is a new message.
type sent struct {
	to      grit.ID
	message *grit.Object
}

type auditor struct {
	*call
	before, after grit.ID // the cores
	byUpdate      bool
	old, outbox   map[grit.ID]grit.ID
	news          []sent
	born          map[grit.ID]bool
}

func (a *auditor) kept(path string) (bool, error) {
	return wit.Kept(a.overlay, a.before, a.after, path)
}

// names returns the names of the tree that a path leads to, none if it does not exist; tree is false for a blob.
func (c *call) names(core grit.ID, path string) (names []string, tree bool, err error) {
	id, err := wit.Follow(c.overlay, core, path)
	if err != nil || id == grit.None {
		return nil, err == nil, err
	}
	o, err := c.overlay.Load(id)
	if err != nil || o.Kind != grit.Tree {
		return nil, false, err
	}
	for _, entry := range o.Entries {
		names = append(names, entry.Key)
	}
	return names, true, nil
}

// keeps reports whether everything below a path, except some names, is unchanged and the path does not lead to a blob.
func (c *call) keeps(before, after grit.ID, path string, excepted func(string) bool) (bool, error) {
	old, _, err := c.names(before, path)
	if err != nil {
		return false, err
	}
	now, tree, err := c.names(after, path)
	if err != nil || !tree {
		return false, err
	}
	for _, name := range append(old, now...) {
		if excepted(name) {
			continue
		}
		kept, err := wit.Kept(c.overlay, before, after, path+"/"+name)
		if err != nil || !kept {
			return false, err
		}
	}
	return true, nil
}

func creatorsOwn(name string) bool { return name == "manifest" || name == "peers" }

// host checks that the host nodes are unchanged: wasm.grant.host.
func (a *auditor) host() error {
	kept, err := a.kept("wasm")
	if err == nil && !kept && a.byUpdate {
		kept, err = a.keeps(a.before, a.after, "wasm", creatorsOwn)
	}
	if err == nil && !kept {
		err = denied("host")
	}
	return err
}

// guest reports whether a core is that of a Wasm actor.
func (c *call) guest(core grit.ID) (bool, error) {
	o, err := c.overlay.Load(core)
	if err != nil || o.Kind != grit.Tree {
		return false, err
	}
	_, form, err := wit.NodePath(c.overlay, c.overlay.Store.Format, core, "wit")
	return form, err
}

// stays reports whether a core is that of a Wasm actor, or the previous core was not: wasm.grant.stays-guest.
func (c *call) stays(before, after grit.ID) (bool, error) {
	is, err := c.guest(after)
	if err != nil || is {
		return is, err
	}
	was, err := c.guest(before)
	return !was, err
}

// code asks that code nodes and modules were left alone: wasm.grant.code, wasm.grant.stays-guest.
func (a *auditor) code() error {
	if stays, err := a.stays(a.before, a.after); err != nil || !stays {
		if err == nil {
			err = denied("code")
		}
		return err
	}
	if a.plan.manifest.code || a.byUpdate {
		return nil
	}
	paths := []string{"wit", "wit_query", "wit_update", "frozen"}
	for _, node := range []string{"wit", "wit_query"} {
		path, ok, err := wit.NodePath(a.overlay, a.overlay.Store.Format, a.before, node)
		if err != nil {
			return err
		}
		if ok {
			paths = append(paths, path)
		}
	}
	for _, path := range paths {
		if kept, err := a.kept(path); err != nil || !kept {
			if err == nil {
				err = denied("code")
			}
			return err
		}
	}
	return nil
}

// mount checks that only rw mounts changed: wasm.grant.mount.
func (a *auditor) mount() error {
	kept, err := a.kept("fs")
	if err == nil && !kept {
		kept, err = a.keeps(a.before, a.after, "fs", func(name string) bool { return a.plan.manifest.mounts[name] == "rw" })
	}
	if err == nil && !kept {
		err = denied("mount")
	}
	return err
}

// collect finds the new messages.
func (a *auditor) collect() error {
	a.born = map[grit.ID]bool{}
	for to, tip := range a.outbox {
		if a.old[to] == tip {
			continue
		}
		ids, _, err := wit.Unread(a.overlay, tip, a.old[to], 1<<62)
		if err != nil {
			return err
		}
		for _, id := range ids {
			message, err := a.overlay.Load(id)
			if err != nil {
				return err
			}
			a.news = append(a.news, sent{to, message})
			if message.Content == to {
				a.born[to] = true
			}
		}
	}
	return nil
}

// recipient reports whether an actor may be sent to.
func (a *auditor) recipient(actor grit.ID) (bool, error) {
	manifest, t := a.plan.manifest, a.transition
	if manifest.send == "any" {
		return true, nil
	}
	peers, err := wit.Follow(a.overlay, a.before, "wasm/peers")
	if err != nil {
		return false, err
	}
	if peers != grit.None {
		o, err := a.overlay.Load(peers)
		if err != nil {
			return false, err
		}
		for _, entry := range o.Entries {
			if o.Kind == grit.Tree && entry.ID == actor {
				return true, nil
			}
		}
	}
	if manifest.send == "reply" {
		inbox, err := wit.Inbox(a.overlay, t.LastStep)
		if err != nil {
			return false, err
		}
		_, read := inbox[actor]
		_, wrote := t.Proposal.Entries[actor]
		if read || wrote {
			return true, nil
		}
	}
	_, known := a.old[actor]
	return manifest.spawn != "" && (known || a.born[actor]), nil
}

// send asks that each that is sent to is a recipient: wasm.grant.send.
func (a *auditor) send() error {
	for to, tip := range a.outbox {
		if a.old[to] == tip {
			continue
		}
		if allowed, err := a.recipient(to); err != nil || !allowed {
			if err == nil {
				err = denied("send")
			}
			return err
		}
	}
	return nil
}

// spawn asks that each new message may be sent: wasm.grant.update-guests, wasm.grant.spawn, wasm.grant.send-update.
func (a *auditor) spawn() error {
	for _, s := range a.news {
		if s.message.Header("mt") != "update" {
			continue
		}
		if guest, err := a.guest(s.to); err != nil || !guest {
			if err == nil {
				err = denied("spawn")
			}
			return err
		}
	}
	if a.plan.manifest.spawn == "any" {
		return nil
	}
	for _, s := range a.news {
		passes, err := a.passes(s)
		if err != nil {
			return err
		}
		if !passes {
			return denied("spawn")
		}
	}
	return nil
}

func (a *auditor) passes(s sent) (bool, error) {
	if s.message.Content == s.to {
		if a.plan.manifest.spawn != "wasm" {
			return false, nil
		}
		if narrower, err := a.narrower(s.to); err != nil || !narrower {
			return false, err
		}
	}
	if s.message.Header("mt") != "update" {
		return true, nil
	}
	content, err := a.overlay.Load(s.message.Content)
	if err != nil || content.Kind != grit.Tree {
		return true, err
	}
	if content.Find("wasm") != grit.None || content.Find("wit_update") != grit.None {
		return false, nil
	}
	for _, node := range []string{"wit", "wit_query"} {
		if content.Find(node) == grit.None {
			continue
		}
		_, ok, err := wit.NodePath(a.overlay, a.overlay.Store.Format, s.message.Content, node)
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// tanks sums the tanks of all births: wasm.grant.spawn-tank.
func (a *auditor) tanks() (sum uint64, err error) {
	if !a.plan.manifest.hasTank {
		return 0, nil
	}
	for _, s := range a.news {
		if s.message.Content != s.to {
			continue
		}
		child, ok, err := a.manifestOf(s.to)
		if err != nil {
			return 0, err
		}
		if ok && child.hasTank {
			sum = min(sum+child.tank, maxU63)
		}
	}
	used := min(a.plan.state.used+a.spent, maxU63)
	if used+sum > a.plan.manifest.tank {
		return 0, denied("spawn")
	}
	return sum, nil
}

// manifestOf reads the manifest of the core of a created actor; a blob has none.
func (a *auditor) manifestOf(core grit.ID) (*Manifest, bool, error) {
	o, err := a.overlay.Load(core)
	if err != nil || o.Kind != grit.Tree {
		return nil, false, err
	}
	return readManifest(a.overlay, a.overlay.Store.Format, core)
}

// narrower reports whether a core is a Wasm core with no more rights than this one has.
func (a *auditor) narrower(core grit.ID) (bool, error) {
	manifest := a.plan.manifest
	child, ok, err := a.manifestOf(core)
	if err != nil || !ok {
		return false, err
	}
	if child.fuel > manifest.fuel || child.pages > manifest.pages || manifest.hasTank && !child.hasTank ||
		child.attempt && !manifest.attempt || child.query && !manifest.query || child.code && !manifest.code ||
		child.raw && !manifest.raw || child.update && !manifest.update {
		return false, nil
	}
	rank := map[string]int{"": 0, "reply": 1, "wasm": 1, "any": 2}
	if rank[child.send] > rank[manifest.send] || rank[child.spawn] > rank[manifest.spawn] {
		return false, nil
	}
	for _, node := range []string{"wit", "wit_query"} {
		id, err := wit.Follow(a.overlay, core, node)
		if err != nil {
			return false, err
		}
		_, form, err := wit.NodePath(a.overlay, a.overlay.Store.Format, core, node)
		if err != nil || !form && (node == "wit" || id != grit.None) {
			return false, err
		}
	}
	for _, name := range []string{"state", "module", "memory", "fork", "creator"} {
		if id, err := wit.Follow(a.overlay, core, "wasm/"+name); err != nil || id != grit.None {
			return false, err
		}
	}
	return a.narrowerPeers(core)
}

func (a *auditor) narrowerPeers(core grit.ID) (bool, error) {
	id, err := wit.Follow(a.overlay, core, "wasm/peers")
	if err != nil || id == grit.None {
		return err == nil, err
	}
	peers, err := a.overlay.Load(id)
	if err != nil || peers.Kind != grit.Tree {
		return false, err
	}
	for _, entry := range peers.Entries {
		if allowed, err := a.recipient(entry.ID); err != nil || !allowed {
			return false, err
		}
	}
	return true, nil
}
