package grit

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The examples of the chapters on objects and formats: bytes with their id, and bytes that are refused.
func TestExamples(t *testing.T) {
	block := regexp.MustCompile(`(?s)\.\. example:: ([\w-]+)\n\n   format: (\S+)\n   bytes: ([0-9a-f ]+)\n   (id|refused): (\w+)`)
	files, err := filepath.Glob("../../../../../spec/grit/*.rst")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, example := range block.FindAllStringSubmatch(string(text), -1) {
			seen++
			format := FormatNamed(example[2])
			data, err := hex.DecodeString(strings.ReplaceAll(example[3], " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			object, err := format.Decode(data)
			if example[4] == "refused" {
				if !IsRefusal(err, example[5]) {
					t.Errorf("%s: %v", example[1], err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", example[1], err)
				continue
			}
			again, id, err := format.Encode(object)
			if err != nil || string(again) != string(data) || id.String() != example[5] {
				t.Errorf("%s: %x with the id %s, %v", example[1], again, id, err)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d examples only", seen)
	}
}

// The bundle of the chapter on bundles.
func TestBundle(t *testing.T) {
	s := NewStore(Framed)
	put := func(o *Object) ID {
		data, _, err := Framed.Encode(o)
		if err != nil {
			t.Fatal(err)
		}
		id, err := s.Put(data, nil)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	hello := put(&Object{Kind: Blob, Headers: []Header{{"ct", "s"}}, Data: []byte("hello")})
	tree := put(&Object{Kind: Tree, Entries: []Entry{{"greeting", hello}}})
	if err := s.Cas([]Change{{Name: "tags/demo", New: tree, NoOld: true}}); err != nil {
		t.Fatal(err)
	}
	bundle, err := s.Export(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	digest := hex.EncodeToString(bundle[len(bundle)-32:])
	if len(bundle) != 247 || digest != "122b48beacb82d528cac7c3cbe52bdbe9de6ce4f313f095968f882a9821c0dd2" {
		t.Errorf("%d bytes with the digest %s", len(bundle), digest)
	}
	there, err := Transcode(bundle, Framed, Cbor)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Transcode(there, Cbor, Framed); err != nil || string(back) != string(bundle) {
		t.Errorf("another bundle comes back: %v", err)
	}
}
