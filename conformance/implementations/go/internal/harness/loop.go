// Package harness is the adapter: it reads requests and writes replies, one line of JSON each.
package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"regexp"
	"runtime/debug"
	"strconv"

	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/guest"
)

type request struct {
	Seq  json.RawMessage `json:"seq"`
	Op   string          `json:"op"`
	Args json.RawMessage `json:"args"`
}

// unsupported reports that an operation, format or feature is not claimed.
type unsupported struct{ feature string }

func (u *unsupported) Error() string { return "unsupported: " + u.feature }

// answer has the members of ok.
type answer map[string]any

// Adapter carries requests out. Its state is the open handles.
type Adapter struct {
	handles map[string]*handle
	hello   answer
	frame   int // the longest reply, its LF included
	runner  *guest.Runner
}

// handle is an open store with its transfers in progress.
type handle struct {
	store    *grit.Store
	incoming []byte // pieces of an import
	outgoing []byte // the rest of an export
	cursor   string
	exports  int // begun so far, so that each cursor is used once
}

// New makes an adapter with no handle open.
func New() *Adapter { return &Adapter{handles: map[string]*handle{}, frame: frameBytes} }

// Serve answers each line until bye or the end of the input: harness.reply.order, harness.frame.flush,
// harness.frame.limit.
func (a *Adapter) Serve(in io.Reader, out io.Writer) error {
	reader, writer := bufio.NewReaderSize(in, 1<<20), bufio.NewWriterSize(out, 1<<20)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			return nil
		}
		r, err := readRequest(line)
		if err != nil {
			return err
		}
		answer := a.carryOut(r)
		answered := reply(r.Seq, answer)
		if len(answered) > a.frame {
			answered = reply(r.Seq, outcome{err: fmt.Errorf("the reply has %d bytes, over frame_bytes", len(answered))})
		}
		if _, err := writer.Write(answered); err != nil {
			return err
		}
		if err := writer.Flush(); err != nil || r.Op == "bye" && answer.err == nil { // harness.process.stays
			return err
		}
	}
}

// start is all that is read of a line whose arguments cannot be read.
var start = regexp.MustCompile(`\A\{"seq":([0-9]{1,16}),"op":"([!#-\[\]-~]*)"[,}]`)

// readRequest reads a line; arguments that cannot be read stay empty, which fits no operation: harness.reply.bad-args,
// harness.reply.deep-args.
func readRequest(line []byte) (*request, error) {
	var r request
	problem := json.Unmarshal(line, &r)
	var otherType *json.UnmarshalTypeError // of op; then it stays empty
	if (problem == nil || errors.As(problem, &otherType)) && len(r.Seq) > 0 && r.Seq[0] >= '0' && r.Seq[0] <= '9' {
		return &r, nil
	}
	found := start.FindSubmatch(line)
	if found == nil {
		return nil, fmt.Errorf("a request line has no readable seq, so it cannot be answered: %w", problem)
	}
	number, _ := strconv.ParseUint(string(found[1]), 10, 64) // 16 digits always fit
	return &request{Seq: strconv.AppendUint(nil, number, 10), Op: string(found[2])}, nil
}

// outcome is an answer or an error.
type outcome struct {
	ok  answer
	err error
}

// carryOut turns a fault of this implementation into an error, harness.reply.fault-is-error.
func (a *Adapter) carryOut(r *request) (o outcome) {
	defer func() {
		if fault := recover(); fault != nil {
			log.Printf("%s: %v\n%s", r.Op, fault, debug.Stack())
			o = outcome{err: fmt.Errorf("fault: %v", fault)}
		}
	}()
	if r.Op == "" {
		return outcome{err: errors.New("the request has no operation")}
	}
	operation, known := operations[r.Op]
	if !known {
		return outcome{err: &unsupported{r.Op}}
	}
	ok, err := operation(a, readArguments(r.Args))
	return outcome{ok, err}
}

// reply writes one reply with its LF: harness.reply.one-answer, harness.json.plain.
func reply(seq json.RawMessage, o outcome) []byte {
	body := map[string]any{"seq": seq}
	var refusal *grit.Refusal
	var missing *unsupported
	switch {
	case o.err == nil:
		body["ok"] = o.ok
	case errors.As(o.err, &refusal):
		refused := map[string]any{"class": refusal.Class, "message": plain(refusal.Message)}
		if refusal.Code != "" {
			refused["code"] = refusal.Code
		}
		body["refused"] = refused
	case errors.As(o.err, &missing):
		body["unsupported"] = map[string]any{"feature": missing.feature}
	default:
		body["error"] = map[string]any{"message": plain(o.err.Error())}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// plain keeps a message short.
func plain(text string) string {
	if len(text) > 500 {
		text = text[:500]
	}
	return string(bytes.ToValidUTF8([]byte(text), []byte("?")))
}
