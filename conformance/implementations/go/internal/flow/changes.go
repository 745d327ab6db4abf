package flow

import "math/big"

// ChangePoint is where the rate of rollbacks changed.
type ChangePoint struct {
	At        int
	Millibits *big.Int
	Detected  bool
}

// The limits of the change point.
const (
	leastEntries      = 2
	mostEntries       = 4_096
	detectedMillibits = 4_322
)

// inverse returns (m + 1)! / (k! (m - k)!), the inverse of the evidence of a segment of m bits with k ones.
type inverse struct {
	of   *big.Int
	m, k int64
}

func newInverse(bits []int) *inverse {
	v := &inverse{of: big.NewInt(1)}
	for _, bit := range bits {
		v.add(bit)
	}
	return v
}

// add adds a bit: m + 1 becomes m + 2, and one of the two factorials grows by one factor.
func (v *inverse) add(bit int) {
	v.m++
	v.of.Mul(v.of, big.NewInt(v.m+1))
	if bit == 1 {
		v.k++
		v.of.Quo(v.of, big.NewInt(v.k))
	} else {
		v.of.Quo(v.of, big.NewInt(v.m-v.k))
	}
}

// remove undoes add.
func (v *inverse) remove(bit int) {
	if bit == 1 {
		v.of.Mul(v.of, big.NewInt(v.k))
		v.k--
	} else {
		v.of.Mul(v.of, big.NewInt(v.m-v.k))
	}
	v.of.Quo(v.of, big.NewInt(v.m+1))
	v.m--
}

// changePoint finds the change point of a series: flow.metric.change-point.
func changePoint(series []int) *ChangePoint {
	n := len(series)
	if n < leastEntries || n > mostEntries {
		return nil
	}
	whole, first, rest := newInverse(series), newInverse(nil), newInverse(series)
	point, least := &ChangePoint{}, (*big.Int)(nil)
	sum := new(big.Float).SetPrec(2 * precision)
	for t, bit := range series[:n-1] {
		first.add(bit)
		rest.remove(bit)
		product := new(big.Int).Mul(first.of, rest.of)
		if least == nil || product.Cmp(least) < 0 {
			point.At, least = t+1, product
		}
		share := new(big.Float).SetPrec(2 * precision).SetInt(whole.of)
		sum.Add(sum, share.Quo(share, new(big.Float).SetPrec(2*precision).SetInt(product)))
	}
	sum.Quo(sum, new(big.Float).SetInt64(int64(n-1)))
	point.Millibits = halfUp(thousandLog2(sum))
	point.Detected = point.Millibits.Cmp(big.NewInt(detectedMillibits)) >= 0
	return point
}

// thousandLog2 returns 1,000 times the binary logarithm of a number above 0. The result is never halfway between two
// integers, because a root of 2 is not a ratio.
func thousandLog2(x *big.Float) *big.Float {
	one, sign := big.NewFloat(1), int64(1)
	if x.Cmp(one) < 0 {
		x, sign = new(big.Float).SetPrec(2*precision).Quo(one, x), -1
	}
	of := log2(x)
	return of.Mul(of, new(big.Float).SetInt64(1_000*sign))
}
