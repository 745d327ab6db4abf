package flowrun

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"gritstone.example/implementation/internal/flow"
	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wit"
)

// examples has the ids of the worked examples by their names, framed and cbor, in the order of the text.
func examples(t *testing.T) map[string][][2]string {
	text, err := os.ReadFile("../../../../../spec/flow/examples.rst")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][][2]string{}
	row := regexp.MustCompile(`\* - (.+)\n     - ([0-9a-f]{16})\n     - ([0-9a-f]{16})\n`)
	for _, match := range row.FindAllStringSubmatch(string(text), -1) {
		found[match[1]] = append(found[match[1]], [2]string{match[2], match[3]})
	}
	return found
}

// scene is a flow of a test with its agent.
type scene struct {
	t           *testing.T
	store       *grit.Store
	agent, flow grit.ID
	head, last  grit.ID // the step, and the last message of the agent
}

func (p *scene) put(o *grit.Object) grit.ID {
	p.t.Helper()
	data, _, err := p.store.Format.Encode(o)
	if err != nil {
		p.t.Fatal(err)
	}
	id, err := p.store.Put(data, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

func (p *scene) tree(entries map[string]grit.ID) grit.ID {
	o := &grit.Object{Kind: grit.Tree}
	for name, id := range entries {
		o.Entries = append(o.Entries, grit.Entry{Key: name, ID: id})
	}
	return p.put(o)
}

func (p *scene) text(data string) grit.ID {
	return p.put(&grit.Object{Kind: grit.Blob, Headers: []grit.Header{{Key: "ct", Value: "s"}}, Data: []byte(data)})
}

// doc makes a document from the JSON form of a value.
func (p *scene) doc(text string) grit.ID {
	p.t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		p.t.Fatal(err)
	}
	return p.put(documentOf(flow.Encode(fromJSON(value))))
}

func fromJSON(value any) flow.Value {
	switch value := value.(type) {
	case json.Number:
		n, _ := value.Int64()
		return n
	case []any:
		list := flow.List{}
		for _, item := range value {
			list = append(list, fromJSON(item))
		}
		return list
	case map[string]any:
		if ref, ok := value["$ref"].(string); ok {
			return flow.Ref(ref)
		}
		var members []flow.Member
		for key, item := range value {
			members = append(members, is(key, fromJSON(item)))
		}
		return flow.NewMap(members...)
	}
	return value
}

// start makes a store with an agent and a flow, and its first step.
func start(t *testing.T, format *grit.Format, program, policy, input string, peers bool, refs map[string]string) *scene {
	p := &scene{t: t, store: grit.NewStore(format)}
	p.agent = p.tree(map[string]grit.ID{"name": p.text("test")})
	tree := map[string]grit.ID{"doc": p.doc(policy)}
	if peers {
		tree["peers"] = p.tree(map[string]grit.ID{"edge": p.agent})
	}
	core := map[string]grit.ID{
		"wit": p.text(Node), "wit_query": p.text(Node), "name": p.text("1"),
		"program": p.doc(program), "policy": p.tree(tree), "input": p.doc(input),
	}
	blobs := map[string]grit.ID{}
	for name, data := range refs {
		blobs[name] = p.put(&grit.Object{
			Kind: grit.Blob, Headers: []grit.Header{{Key: "ct", Value: "sealed"}}, Data: []byte(data),
		})
	}
	if len(blobs) > 0 {
		core["refs"] = p.tree(blobs)
	}
	p.flow = p.tree(core)
	p.send("genesis", p.flow)
	return p
}

// send sends a message from the agent and makes the step that covers it.
func (p *scene) send(mt string, content grit.ID) {
	p.t.Helper()
	p.last = p.put(&grit.Object{
		Kind: grit.Message, Previous: p.last, Headers: []grit.Header{{Key: "mt", Value: mt}}, Content: content,
	})
	p.cover(p.agent, p.last)
}

func (p *scene) cover(sender, message grit.ID) {
	p.t.Helper()
	step, err := wit.Step(p.store, nil, &wit.Request{
		Actor: p.flow, Head: p.head, HasHead: p.head != grit.None, Inbox: [][2]grit.ID{{sender, message}}, Attempt: 1,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.head = step
}

func (p *scene) view() view { return newView(grit.NewOverlay(p.store), p.flow) }

func (p *scene) core(path string) grit.ID {
	v := p.view()
	id, err := wit.Follow(v.overlay, v.load(p.head).Core, path)
	if err != nil || id == grit.None {
		p.t.Fatalf("no %s: %v", path, err)
	}
	return id
}

func (p *scene) result(sent, doc string) {
	p.t.Helper()
	p.send("flow.result", p.tree(map[string]grit.ID{"request": p.core(sent), "doc": p.doc(doc)}))
}

func (p *scene) fire(timer string) {
	p.t.Helper()
	p.send("flow.fired", p.tree(map[string]grit.ID{"timer": p.core("timers/" + timer)}))
}

// is compares the first digits of an id with those of the text.
func (p *scene) is(id grit.ID, what string, texts [2]string) {
	p.t.Helper()
	want := texts[0]
	if p.store.Format == grit.Cbor {
		want = texts[1]
	}
	if !strings.HasPrefix(id.String(), want) {
		p.t.Errorf("%s: %s, not %s", what, id, want)
	}
}

// traced compares the trace, and replays the flow.
func (p *scene) traced(bytes int, hash string) {
	p.t.Helper()
	v := p.view()
	data := flow.Encode(v.trace(p.head))
	if digest := flow.Digest(data); len(data) != bytes || !strings.HasPrefix(digest, hash) {
		p.t.Errorf("the trace has %d bytes and the hash %s", len(data), digest)
	}
	if steps, differs, err := Replay(p.store, p.head); err != nil || differs != -1 {
		p.t.Errorf("the replay of %d steps: %d, %v", steps, differs, err)
	}
}

// inFormats runs a test in both formats.
func inFormats(t *testing.T, test func(*testing.T, *grit.Format)) {
	for _, format := range []*grit.Format{grit.Framed, grit.Cbor} {
		t.Run(format.Name, func(t *testing.T) { test(t, format) })
	}
}

func TestSmallest(t *testing.T) {
	ids := examples(t)
	inFormats(t, func(t *testing.T, format *grit.Format) {
		p := start(t, format, `{"flow":1,"name":"n","start":"e","nodes":{"e":{"kind":"end","outcome":"success"}}}`,
			`{"flow_policy":1,"tools":{}}`, `{}`, false, nil)
		p.is(p.text(Node), "the code node", ids["the code node"][0])
		p.is(p.core("program"), "program", ids["program"][0])
		p.is(p.core("policy"), "policy", ids["policy"][0])
		p.is(p.flow, "flow", ids["flow"][0])
		p.is(p.head, "step 1", ids["step 1"][0])
		p.traced(283, "e3ede95edaf01e0a")
		answer, err := wit.Ask(p.store, nil, p.head, "wut", nil)
		if err != nil {
			t.Fatal(err)
		}
		p.is(answer, "the wut", ids["the wut"][0])
	})
}

// refund is the example of the first chapter, as the text spells it.
func refund(t *testing.T) (program, policy, input string) {
	text, err := os.ReadFile("../../../../../spec/flow/index.rst")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?s)   (\{"flow": 1.*?)\n\n   the policy:  (.*?)\n\n   the input:   (.*?)\n\n`).FindStringSubmatch(string(text))
	if found == nil {
		t.Fatal("the example was not found")
	}
	return found[1], found[2], found[3]
}

func TestRefund(t *testing.T) {
	ids := examples(t)
	program, policy, input := refund(t)
	sealed := ""
	for i := range 16 {
		sealed += string(rune(i))
	}
	refs := map[string]string{"customer": sealed + "4111 1111 1111 1111"}
	inFormats(t, func(t *testing.T, format *grit.Format) {
		p := start(t, format, program, policy, input, true, refs)
		p.is(p.core("refs/customer"), "the sealed blob", ids["the sealed blob"][0])
		p.is(p.flow, "flow", ids["flow"][1])
		p.is(p.core("sent"), "key of analyze", ids["key of ``analyze``"][0])
		p.is(p.head, "step 1", ids["step 1"][1])
		p.result("sent", `{"attempt":1,"outcome":"ok","value":"yes","usage":120}`)
		p.is(p.core("sent"), "key of pay", ids["key of ``pay``"][0])
		p.is(p.head, "step 2", ids["step 2"][0])
		p.result("sent", `{"attempt":1,"outcome":"ok","value":"R-1"}`)
		p.is(p.head, "step 3", ids["step 3"][0])
		p.traced(869, "d1fac03119384e11")

		p = start(t, format, program, policy, input, true, refs)
		p.result("sent", `{"attempt":1,"outcome":"ok","value":"no","usage":120}`)
		p.result("sent", `{"attempt":1,"outcome":"ok","value":"R-1"}`)
		p.traced(883, "576f64ce6a53f127")

		p = start(t, format, program, policy, input, true, refs)
		p.send("flow.erase", p.tree(map[string]grit.ID{"doc": p.doc(`{"refs":["customer"]}`), "flow": p.flow}))
		p.result("sent", `{"attempt":1,"outcome":"ok","value":"no","usage":120}`)
		p.traced(737, "b22a8ab0abae5e23")
	})
}

func TestRetry(t *testing.T) {
	ids := examples(t)
	inFormats(t, func(t *testing.T, format *grit.Format) {
		p := start(t, format, `{"flow":1,"name":"retry","start":"a","nodes":{
			"a":{"kind":"call","tool":"t","args":{"n":1},"retry":{"max_attempts":3,"backoff_ms":200},"timeout_ms":1000,"next":"e"},
			"e":{"kind":"end","outcome":"success"}}}`,
			`{"flow_policy":1,"timer":"edge","tools":{"t":{"peer":"edge","params":["n"],"cost":7}}}`, `{}`, true, nil)
		p.is(p.core("sent"), "the key", ids["Retry: the key"][0])
		p.fire("a")
		p.fire("a")
		p.result("sent", `{"attempt":2,"outcome":"ok","value":5,"usage":3}`)
		p.is(p.head, "step 4", ids["Retry: step 4"][0])
		p.traced(840, "a4c71d81245aef6d")
	})
}

func TestParallel(t *testing.T) {
	ids := examples(t)
	inFormats(t, func(t *testing.T, format *grit.Format) {
		p := start(t, format, `{"flow":1,"name":"par","start":"p","nodes":{"p":{"kind":"parallel","next":"e","calls":{
			"a":{"tool":"t","args":{"x":1}},"b":{"tool":"t","args":{"x":2},"optional":true},"c":{"tool":"t","args":{"x":3}},
			"d":{"tool":"t","args":{"x":"$dep.a","y":"$dep.b"},"depends_on":["a","b"]}}},
			"e":{"kind":"end","outcome":"success","output":"$out.p"}}}`,
			`{"flow_policy":1,"tools":{"t":{"peer":"edge","params":["x","y"]}}}`, `{}`, true, nil)
		for _, sub := range []string{"a", "b", "c", "d"} {
			result := fmt.Sprintf(`{"attempt":1,"outcome":"ok","value":"%s"}`, sub)
			if sub == "b" {
				result = `{"attempt":1,"outcome":"error","error":{"class":"no","retry":false}}`
			}
			if sub == "d" {
				p.is(p.core("sent/d"), "the key of d", ids["Parallel: the key of d"][0])
			}
			p.result("sent/"+sub, result)
		}
		p.is(p.head, "step 5", ids["Parallel: step 5"][0])
		p.traced(1221, "461b642503000fcc")
	})
}

func TestWait(t *testing.T) {
	ids := examples(t)
	inFormats(t, func(t *testing.T, format *grit.Format) {
		p := start(t, format, `{"flow":1,"name":"wait","start":"w","nodes":{"w":{"kind":"wait","event":"go","next":"e"},
			"e":{"kind":"end","outcome":"success","output":"$out.w"}}}`,
			`{"flow_policy":1,"tools":{},"events":{"go":["edge"]}}`, `{}`, true, nil)
		p.is(p.flow, "the flow", ids["Wait: the flow"][0])
		for _, visit := range []int{2, 1} {
			p.send("flow.event", p.tree(map[string]grit.ID{
				"doc":  p.doc(fmt.Sprintf(`{"node":"w","visit":%d,"event":"go","value":1}`, visit)),
				"flow": p.flow, "program": p.core("program"), "policy": p.core("policy"),
			}))
		}
		p.is(p.head, "step 3", ids["Wait: step 3"][0])
		p.traced(434, "b7b19a36d5dc0475")
	})
}

func TestReplan(t *testing.T) {
	ids := examples(t)
	inFormats(t, func(t *testing.T, format *grit.Format) {
		p := start(t, format, `{"flow":1,"name":"b","start":"a","limits":{"max_calls":1,"max_visits":5},"nodes":{
			"a":{"kind":"call","tool":"t","args":{},"next":"b"},
			"b":{"kind":"branch","if":"$out.a == 'again'","then":"a","else":"e"},"e":{"kind":"end","outcome":"success"}}}`,
			`{"flow_policy":1,"tools":{"t":{"peer":"edge","params":["v"]}},"limits":{"max_replans":1},"control":{"replan":["edge"]}}`,
			`{}`, true, nil)
		p.result("sent", `{"attempt":1,"outcome":"ok","value":"again"}`)
		plan := p.doc(`{"flow":1,"name":"b2","start":"x","nodes":{"x":{"kind":"call","tool":"t","args":{"v":"$prior.a"},"next":"e"},
			"e":{"kind":"end","outcome":"success","output":"$out.x"}}}`)
		p.send("flow.replan", p.tree(map[string]grit.ID{"flow": p.flow, "program": plan}))
		p.is(p.head, "step 3", ids["Replan: step 3 of the first flow"][0])
		first, v := p.flow, p.view()
		p.flow = p.core("next")
		p.is(p.flow, "the successor", ids["Replan: the successor"][0])
		outbox, err := wit.Outbox(p.store, v.load(p.head))
		if err != nil {
			t.Fatal(err)
		}
		begin := outbox[p.flow]
		p.head, p.last = grit.None, grit.None
		p.cover(first, v.load(begin).Previous)
		p.cover(first, begin)
		p.result("sent", `{"attempt":1,"outcome":"ok","value":9}`)
		p.is(p.head, "step 3 of the successor", ids["Replan: step 3 of the successor"][0])
		p.traced(540, "5d884427f27aaa59")
	})
}
