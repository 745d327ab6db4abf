package wit

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"gritstone.example/implementation/internal/grit"
)

// The document of the puppet's wut, from the chapter on queries.
func TestOpenAPI(t *testing.T) {
	text, err := os.ReadFile("../../../../../spec/wit/puppet.rst")
	if err != nil {
		t.Fatal(err)
	}
	var wut string
	for _, block := range regexp.MustCompile(`(?m)(?:^   \S.*\n)+`).FindAllString(string(text), -1) {
		if strings.HasPrefix(block, `   {"messages":`) {
			wut = strings.ReplaceAll(strings.ReplaceAll(block, "\n   ", ""), "   {", "{")
		}
	}
	document, err := OpenAPI(grit.None, []byte(strings.TrimSpace(wut)))
	if err != nil {
		t.Fatalf("%s: %v", wut, err)
	}
	digest := sha256.Sum256(document)
	want := "0d0e73570ef1efb10b478f3d83027bec3bcc091a77827ef2888358512e1ba9a4"
	if len(document) != 1122 || hex.EncodeToString(digest[:]) != want {
		t.Errorf("%d bytes: %s", len(document), document)
	}
}
