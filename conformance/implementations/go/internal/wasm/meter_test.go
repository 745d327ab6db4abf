package wasm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The table of instructions is that of the specification.
func TestInstructions(t *testing.T) {
	raw, err := os.ReadFile("../../../../../spec/wasm/instructions.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Instructions []struct {
			Code, Name, Nan string
			Immediates      []string
			Cost            int
			Segment         string
			Size            *struct {
				Shift string
				Bits  int
			}
		}
	}
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	if len(table.Instructions) != len(instructions) {
		t.Errorf("%d instructions, not %d", len(instructions), len(table.Instructions))
	}
	short := map[string]string{"blocktype": "b", "labels": "L", "types": "t", "zero": "z", "i32": "i", "i64": "l",
		"f32": "f", "f64": "d"}
	nans := map[string]ValueType{"": 0, "f32": F32, "f64": F64}
	for _, want := range table.Instructions {
		code, _ := strconv.ParseUint(want.Code, 16, 16)
		got := instructions[uint16(code)]
		imms := ""
		for _, imm := range want.Immediates {
			if letter, ok := short[imm]; ok {
				imms += letter
			} else {
				imms += "x"
			}
		}
		if got == nil || got.name != want.Name || got.cost != want.Cost || got.imms != imms || got.nan != nans[want.Nan] {
			t.Errorf("%s %s: %+v", want.Code, want.Name, got)
		}
		if size, sized := sizes[uint16(code)]; sized != (want.Size != nil) || sized && int(size[0]) != want.Size.Bits {
			t.Errorf("%s: size", want.Name)
		}
		if endsRun(uint16(code)) != (want.Segment == "dead") {
			t.Errorf("%s: segment", want.Name)
		}
	}
}

// The example of the chapter on the metered form.
func TestMeteredExample(t *testing.T) {
	module := unhex(t, "0061736d01000000 01 05 01 60 00 01 7f 03 02 01 00 07 07 01 03 776974 00 00 0a 06 01 04 00 41 00 0b")
	m, err := Admit(module, "wit", 256)
	if err != nil {
		t.Fatal(err)
	}
	metered := m.Meter(256)
	digest := sha256.Sum256(metered)
	want := "6dceaad0ee3040d2269e7306b9a3fef7d9ff30405115677b3a0c54503a64e783"
	if len(metered) != 118 || hex.EncodeToString(digest[:]) != want {
		t.Errorf("%x", metered)
	}
}
