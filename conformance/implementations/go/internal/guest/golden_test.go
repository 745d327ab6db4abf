package guest

import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"gritstone.example/implementation/internal/cbor"
	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wit"
)

// builder makes objects in a store.
type builder struct {
	t     *testing.T
	store *grit.Store
}

func (b builder) put(o *grit.Object) grit.ID {
	b.t.Helper()
	data, _, err := b.store.Format.Encode(o)
	if err != nil {
		b.t.Fatal(err)
	}
	id, err := b.store.Put(data, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b builder) blob(data []byte, headers ...grit.Header) grit.ID {
	return b.put(&grit.Object{Kind: grit.Blob, Headers: headers, Data: data})
}

func (b builder) tree(entries ...grit.Entry) grit.ID {
	return b.put(&grit.Object{Kind: grit.Tree, Entries: entries})
}

// counterModule is the module of the worked example, as the text spells it.
func counterModule(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../../../../../spec/wasm/examples.rst")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^   ([0-9a-f]{2,120})$`).FindAllStringSubmatch(string(text), -1)
	var all strings.Builder
	for _, line := range lines {
		all.WriteString(line[1])
	}
	module, err := hex.DecodeString(all.String())
	if err != nil || len(module) != 295 {
		t.Fatalf("%d bytes of the counter: %v", len(module), err)
	}
	return module
}

// The ids of the worked example in both formats.
func TestCounter(t *testing.T) {
	runner, err := NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	module := counterModule(t)
	for _, want := range []struct {
		format    *grit.Format
		a, a1, a2 string
		b, b2, b3 string
		fork      string
	}{
		{
			grit.Framed, "b5008f97162b68f0864b4e030f346cd5d92e52176992d2a5740aad1a8791abb5",
			"735f3a854a345219d8af101f005fa6028ff9686478f3fc0627bed8d9d7169cfa",
			"91a756930088534dd97e820f52b0a1f5bdb14a0882cb05a158b18daa3fc8a77e",
			"693d2be9f7b086e244f5250e20ea63fdd8c6c092b6d7c11c5c5ee68875702b0e",
			"96f51088486229d5aac94ddd7c012e6ecc010de892dfca5b229894b4949a4608",
			"f5f1888e5c01d460b82567a9495dd655bef755fb01e92ec516f8ba4f87a6f16c",
			"088cd258be45eaa14c672bb1a949afbf877c50b4bdd767a2f1384efac28c5ba2",
		},
		{
			grit.Cbor, "", "ba629cf2684a050f8f945a7b571067493048a9765be410f149bcc20d5641b67c",
			"ceefb211a047adcc6d3f8ef5a099a2b35bf85b47c1c3f7b28efa3aacb4897048", "", "",
			"04626ae8697902e0c0fe4b63ceb79558c17fb5b961b36da540db9386a867fc84",
			"5a1439a2dd7c29b7b8507a2d86c9f17634a805dad3193ee26b5417fc2fb02bc0",
		},
	} {
		b := builder{t, grit.NewStore(want.format)}
		main := b.blob(module, grit.Header{Key: "ct", Value: "application/wasm"})
		node := b.blob([]byte("wasm:code/main.wasm"))
		code := b.tree(grit.Entry{Key: "main.wasm", ID: main})
		coreA := b.tree(grit.Entry{Key: "code", ID: code}, grit.Entry{Key: "wit", ID: node})
		manifest := cbor.Map{{Key: "v", Value: uint64(1)}, {Key: "fuel", Value: uint64(1_000_000)},
			{Key: "image", Value: true}, {Key: "pages", Value: uint64(4)}}
		document := b.blob(cbor.Append(nil, manifest), grit.Header{Key: "ct", Value: "cbor"})
		wasm := b.tree(grit.Entry{Key: "manifest", ID: document})
		coreB := b.tree(grit.Entry{Key: "code", ID: code}, grit.Entry{Key: "wit", ID: node}, grit.Entry{Key: "wasm", ID: wasm})

		expect := func(what string, got grit.ID, want string) {
			if want != "" && got.String() != want {
				t.Errorf("%s: %s is %s", b.store.Format.Name, what, got)
			}
		}
		expect("A", coreA, want.a)
		expect("B", coreB, want.b)
		stepsA := b.stepsOf(runner, coreA, 2)
		expect("A, s1", stepsA[0], want.a1)
		expect("A, s2", stepsA[1], want.a2)
		stepsB := b.stepsOf(runner, coreB, 3)
		expect("B, s2", stepsB[1], want.b2)
		expect("B, s3", stepsB[2], want.b3)

		state := b.at(stepsB[2], "wasm/state")
		if got := hex.EncodeToString(state.Data); got != "a461760164757365"+"64192cc765706167657302"+"67676c6f62616c7380" {
			t.Errorf("the state is %s", got)
		}
		if got := b.at(stepsB[2], "count").Data; got[0] != 3 {
			t.Errorf("count is %v", got)
		}
		b.fork(runner, stepsB[1], want.fork)
	}
}

// at returns what a path leads to from the core of a step.
func (b builder) at(step grit.ID, path string) *grit.Object {
	b.t.Helper()
	object, err := b.store.Load(step)
	if err != nil {
		b.t.Fatal(err)
	}
	id, err := wit.Follow(b.store, object.Core, path)
	if err != nil || id == grit.None {
		b.t.Fatalf("nothing at %s: %v", path, err)
	}
	found, err := b.store.Load(id)
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

// stepsOf returns the steps of an actor that reads a genesis message and then one message after another.
func (b builder) stepsOf(runner *Runner, core grit.ID, count int) (steps []grit.ID) {
	b.t.Helper()
	name := b.blob([]byte("demo"), grit.Header{Key: "ct", Value: "s"})
	agent := b.tree(grit.Entry{Key: "name", ID: name}) // as the profile runtime defines it
	message := b.put(&grit.Object{
		Kind: grit.Message, Headers: []grit.Header{{Key: "mt", Value: "genesis"}}, Content: core,
	})
	empty := b.blob(nil)
	for i := range count {
		request := &wit.Request{Actor: core, Inbox: [][2]grit.ID{{agent, message}}, Attempt: 1}
		if i > 0 {
			request.Head, request.HasHead = steps[i-1], true
		}
		step, err := wit.Step(b.store, runner, request)
		if err != nil {
			b.t.Fatal(err)
		}
		steps = append(steps, step)
		message = b.put(&grit.Object{Kind: grit.Message, Previous: message, Content: empty})
	}
	return steps
}

// fork makes the first core of a fork by hand, and its first step, which runs nothing.
func (b builder) fork(runner *Runner, step grit.ID, want string) {
	b.t.Helper()
	object, err := b.store.Load(step)
	if err != nil {
		b.t.Fatal(err)
	}
	number := b.blob([]byte("0"), grit.Header{Key: "ct", Value: "s"})
	tree := b.tree(grit.Entry{Key: "n", ID: number}, grit.Entry{Key: "parent", ID: object.Core})
	overlay := grit.NewOverlay(b.store)
	core, err := withNodes(overlay, object.Core, map[string]grit.ID{"fork": tree})
	if err != nil {
		b.t.Fatal(err)
	}
	overlay.Commit(core)
	if core.String() != want {
		b.t.Errorf("%s: fork 0 is %s", b.store.Format.Name, core)
	}
	steps := b.stepsOf(runner, core, 2)
	if first, _ := b.store.Load(steps[0]); first.Core != core || first.Outbox != grit.None {
		b.t.Errorf("the first step of a fork is %+v", first)
	}
	if got := b.at(steps[1], "count").Data; got[0] != 3 {
		b.t.Errorf("the fork counts %v", got)
	}
}
