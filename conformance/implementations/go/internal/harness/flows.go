package harness

import (
	"encoding/json"
	"errors"

	"gritstone.example/implementation/internal/flow"
	"gritstone.example/implementation/internal/flowrun"
	"gritstone.example/implementation/internal/grit"
)

// texts reads a list of texts.
func (a *arguments) texts(name string) []string {
	texts := []string{}
	for _, raw := range a.list(name, anyLength) {
		text, ok := textOf(raw)
		if !ok {
			a.fail("%s holds what is no text", name)
		}
		texts = append(texts, text)
	}
	return texts
}

func setOf(texts []string) map[string]bool {
	set := map[string]bool{}
	for _, text := range texts {
		set[text] = true
	}
	return set
}

func flowCheck(_ *Adapter, args *arguments) (answer, error) {
	program, policy, input := args.bytes("program"), args.bytes("policy"), args.bytes("input")
	peers, refs := setOf(args.texts("peers")), setOf(args.texts("refs"))
	if err := args.done(); err != nil {
		return nil, err
	}
	defects := [][2]string{}
	for _, defect := range flow.Check(program, policy, input, peers, refs).Defects {
		defects = append(defects, [2]string{defect.At, defect.Code})
	}
	return answer{"defects": defects}, nil
}

// flowRefusal is the refusal for an error of the package flow: flow.eval.refused.
func flowRefusal(err error) error {
	var wrong flow.Wrong
	switch {
	case errors.As(err, &wrong):
		return grit.Refuse("rejected", string(wrong), "the evaluation ends with an error")
	case errors.Is(err, flow.ErrExhausted):
		return grit.Refuse("exhausted", "", "%s", err)
	case errors.Is(err, flow.ErrMalformed):
		return grit.Refuse("malformed", "", "%s", err)
	}
	return err
}

func flowEval(_ *Adapter, args *arguments) (answer, error) {
	text, data := args.text("expr"), args.bytes("env")
	if err := args.done(); err != nil {
		return nil, err
	}
	env, err := flow.ReadEnvironment(data)
	if err != nil {
		return nil, flowRefusal(err)
	}
	expression, err := flow.ParseExpression(text)
	if err != nil {
		return nil, flowRefusal(err)
	}
	value, err := expression.Holds(env)
	if err != nil {
		return nil, flowRefusal(err)
	}
	return answer{"value": value}, nil
}

func flowRender(_ *Adapter, args *arguments) (answer, error) {
	data, environment := args.bytes("template"), args.bytes("env")
	if err := args.done(); err != nil {
		return nil, err
	}
	env, err := flow.ReadEnvironment(environment)
	if err != nil {
		return nil, flowRefusal(err)
	}
	template, err := flow.Decode(data, flow.ValueBytes)
	if err != nil {
		return nil, flowRefusal(err)
	}
	if _, ok := flow.Paths(template); !ok {
		return nil, flowRefusal(flow.ErrMalformed)
	}
	value, err := flow.Render(template, env)
	if err == nil && !flow.Fits(value) {
		err = flow.ErrExhausted
	}
	if err != nil {
		return nil, flowRefusal(err)
	}
	return answer{"value": encoding.EncodeToString(flow.Encode(value))}, nil
}

func flowReplay(a *Adapter, args *arguments) (answer, error) {
	name, step := args.handle(), args.id("step")
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	steps, differs, err := flowrun.Replay(h.store, step)
	if err != nil {
		return nil, err
	}
	if differs < 0 {
		return answer{"steps": steps, "differs": nil}, nil
	}
	return answer{"steps": steps, "differs": differs}, nil
}

func flowMetrics(_ *Adapter, args *arguments) (answer, error) {
	data := args.bytes("trace")
	baselines := [][]string{}
	for _, raw := range args.list("baselines", anyLength) {
		item := &arguments{members: map[string]json.RawMessage{"baseline": raw}}
		baselines = append(baselines, item.texts("baseline"))
		if err := item.done(); err != nil {
			args.fail("%s", err)
		}
	}
	if err := args.done(); err != nil {
		return nil, err
	}
	events, err := flow.ReadTrace(data)
	if err != nil {
		return nil, flowRefusal(err)
	}
	m := flow.Measure(events, baselines)
	usage := []answer{}
	for _, of := range m.Usage {
		usage = append(usage, answer{"node": of.Node, "calls": of.Calls, "tokens": of.Tokens.String()})
	}
	var point any
	if of := m.ChangePoint; of != nil {
		point = answer{"at": of.At, "millibits": of.Millibits.String(), "detected": of.Detected}
	}
	return answer{
		"transition_entropy": m.TransitionEntropy, "rollback_density": m.RollbackDensity, "path_variance": m.PathVariance,
		"invariant_violation_rate": m.ViolationRate, "tool_churn": m.ToolChurn, "retry_rate": m.RetryRate,
		"usage": usage, "change_point": point,
	}, nil
}
