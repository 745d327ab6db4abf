package flow

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func metricsText(t *testing.T) string {
	text, err := os.ReadFile("../../../../../spec/flow/metrics.rst")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEntropy(t *testing.T) {
	row := regexp.MustCompile(`(?m)^   ([a-z ]+?) {2,}(\d+) +\[(\d+), (\d+)\]$`)
	found := row.FindAllStringSubmatch(metricsText(t), -1)
	if len(found) != 4 {
		t.Fatalf("%d examples", len(found))
	}
	for _, example := range found {
		var events []Map
		for _, name := range strings.Fields(example[1]) {
			events = append(events, NewMap(Member{"e", "entered"}, Member{"node", name}, Member{"visit", int64(1)}))
		}
		m := Measure(events, nil)
		density := Ratio{m.RollbackDensity[0], m.RollbackDensity[1]}
		num, _ := strconv.ParseInt(example[3], 10, 64)
		den, _ := strconv.ParseInt(example[4], 10, 64)
		if strconv.FormatInt(m.TransitionEntropy, 10) != example[2] || density != (Ratio{num, den}) {
			t.Errorf("%s: %d, %v", example[1], m.TransitionEntropy, density)
		}
	}
}

func TestChangePoint(t *testing.T) {
	series := map[string]string{
		"20 zeros, 10 ones": strings.Repeat("0", 20) + strings.Repeat("1", 10),
		"10 zeros, 10 ones": strings.Repeat("0", 10) + strings.Repeat("1", 10),
		"15 times 0 1":      strings.Repeat("01", 15),
		"30 zeros":          strings.Repeat("0", 30),
		"0000000001011011":  "0000000001011011",
	}
	text := metricsText(t)
	for name, bits := range series {
		found := regexp.MustCompile(`(?m)^   ` + name + ` +(\d+) +(-?\d+)$`).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("no example %s", name)
		}
		var of []int
		for _, bit := range bits {
			of = append(of, int(bit-'0'))
		}
		point := changePoint(of)
		detected := point.Millibits.Int64() >= 4322
		if strconv.Itoa(point.At) != found[1] || point.Millibits.String() != found[2] || point.Detected != detected {
			t.Errorf("%s: %v", name, *point)
		}
	}
}
