package flow

import (
	"maps"
	"math/big"
	"slices"
)

// Ratio is two natural numbers without a common divisor.
type Ratio [2]int64

func ratio(num, den int) Ratio {
	if den == 0 {
		return Ratio{0, 1}
	}
	a, b := num, den
	for b != 0 {
		a, b = b, a%b
	}
	return Ratio{int64(num / a), int64(den / a)}
}

// Usage is what the calls of a node have used.
type Usage struct {
	Node   string
	Calls  int
	Tokens *big.Int
}

// Metrics are the numbers of the chapter on metrics.
type Metrics struct {
	TransitionEntropy                            int64 // millionths of a bit
	RollbackDensity, PathVariance, ViolationRate Ratio
	ToolChurn, RetryRate                         Ratio
	Usage                                        []Usage
	ChangePoint                                  *ChangePoint // nil: none
}

// Measure computes the metrics of a trace: flow.metric.formula.
func Measure(events []Map, baselines [][]string) *Metrics {
	var nodes []string
	violations, calls, retries := 0, 0, 0
	for _, e := range events {
		switch textOf(e, "e") {
		case "entered":
			nodes = append(nodes, textOf(e, "node"))
		case "denied", "rejected":
			violations++
		case "settled":
			if textOf(e, "outcome") == "bad" {
				violations++
			}
		case "called":
			calls++
			if numberOf(e, "attempt", 0) > 1 {
				retries++
			}
		}
	}
	series := rollbacks(nodes)
	ones := 0
	for _, one := range series {
		ones += one
	}
	return &Metrics{
		TransitionEntropy: entropy(nodes), RollbackDensity: ratio(ones, len(nodes)),
		PathVariance: pathVariance(nodes, baselines), ViolationRate: ratio(violations, len(events)),
		ToolChurn: toolChurn(events), RetryRate: ratio(retries, calls), Usage: usages(events),
		ChangePoint: changePoint(series),
	}
}

// rollbacks has 1 for each node that occurs earlier.
func rollbacks(nodes []string) []int {
	seen, series := map[string]bool{}, make([]int, len(nodes))
	for i, name := range nodes {
		if seen[name] {
			series[i] = 1
		}
		seen[name] = true
	}
	return series
}

// entropy is the sum of n(a) log n(a) over the nodes, less that of n(a, b) log n(a, b) over the pairs, by their number.
func entropy(nodes []string) int64 {
	sources, pairs := map[string]int64{}, map[[2]string]int64{}
	total := int64(len(nodes) - 1)
	if total < 1 {
		return 0
	}
	for i := range total {
		sources[nodes[i]]++
		pairs[[2]string{nodes[i], nodes[i+1]}]++
	}
	sum := logarithms{}
	for _, n := range sources {
		sum[n] += n
	}
	for _, n := range pairs {
		sum[n] -= n
	}
	if exact, ok := sum.powerOfTwo(); ok {
		return (2*exact*1_000_000 + total) / (2 * total)
	}
	millionths := sum.sum()
	millionths.Mul(millionths, big.NewFloat(1_000_000))
	millionths.Quo(millionths, new(big.Float).SetInt64(total))
	return halfUp(millionths).Int64()
}

func pathVariance(nodes []string, baselines [][]string) Ratio {
	distances, lengths := 0, 0
	for _, baseline := range baselines {
		distances += levenshtein(nodes, baseline)
		lengths += max(len(nodes), len(baseline))
	}
	return ratio(distances, lengths)
}

// levenshtein compares numbers in the place of names.
func levenshtein(a, b []string) int {
	numbers := map[string]int{}
	number := func(names []string) []int {
		of := make([]int, len(names))
		for i, name := range names {
			if numbers[name] == 0 {
				numbers[name] = len(numbers) + 1
			}
			of[i] = numbers[name]
		}
		return of
	}
	x, y := number(a), number(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i, from := range x {
		corner := row[0]
		row[0] = i + 1
		for j, to := range y {
			best := corner
			if from != to {
				best = min(corner, row[j], row[j+1]) + 1
			}
			corner, row[j+1] = row[j+1], best
		}
	}
	return row[len(y)]
}

type placeOf struct{ node, sub string }

func placeIn(e Map) placeOf { return placeOf{textOf(e, "node"), textOf(e, "sub")} }

func toolChurn(events []Map) Ratio {
	type request struct{ tool, args string }
	last, values := map[placeOf]request{}, map[request]string{}
	repeated, accepted := 0, 0
	for _, e := range events {
		switch textOf(e, "e") {
		case "called":
			last[placeIn(e)] = request{textOf(e, "tool"), textOf(e, "args")}
		case "settled":
			if textOf(e, "outcome") != "ok" {
				continue
			}
			accepted++
			of, called := last[placeIn(e)]
			value := textOf(e, "value")
			if called && values[of] == value {
				repeated++
			}
			if called {
				values[of] = value
			}
		}
	}
	return ratio(repeated, accepted)
}

func usages(events []Map) []Usage {
	byNode := map[string]*Usage{}
	tokens := map[string]*big.Int{}
	for _, e := range events {
		node := textOf(e, "node")
		switch textOf(e, "e") {
		case "called":
			if byNode[node] == nil {
				byNode[node] = &Usage{Node: node}
			}
			byNode[node].Calls++
		case "settled":
			if tokens[node] == nil {
				tokens[node] = new(big.Int)
			}
			tokens[node].Add(tokens[node], big.NewInt(numberOf(e, "usage", 0)))
		}
	}
	list := []Usage{}
	for _, node := range slices.Sorted(maps.Keys(byNode)) {
		usage := byNode[node]
		if usage.Tokens = tokens[node]; usage.Tokens == nil {
			usage.Tokens = new(big.Int)
		}
		list = append(list, *usage)
	}
	return list
}
