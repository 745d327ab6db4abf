package cbor

import (
	"encoding/hex"
	"reflect"
	"testing"
)

// The manifest of the worked example, and bytes that are not an item in the deterministic encoding.
func TestDecode(t *testing.T) {
	manifest := "a4617601646675656c1a000f424065696d616765f565706167657304"
	data, err := hex.DecodeString(manifest)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data)
	want := Map{{"v", uint64(1)}, {"fuel", uint64(1_000_000)}, {"image", true}, {"pages", uint64(4)}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	reversed := Map{want[3], want[2], want[1], want[0]}
	if again := hex.EncodeToString(Append(nil, reversed)); again != manifest {
		t.Errorf("written as %s", again)
	}
	for _, refused := range []string{
		"", "1801", "190001", "5801", "61ff", "a2616100616100", "a2616200616100", "a100f4", "9f00ff", "5f40ff", "c000",
		"f6", "f90000", "0000", "81", "20", "5b7fffffffffffffff", "9b7fffffffffffffff", "818181818181818181818181" + "00",
	} {
		data, err := hex.DecodeString(refused)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(data); err == nil {
			t.Errorf("%s is read as %v", refused, got)
		}
	}
}
