package flow

import "math/big"

// precision is the number of bits of a logarithm. Values that are exactly halfway between two integers are computed
// without logarithms; all others differ from the half by much more than 2^-200.
const precision = 256

// log2 returns the binary logarithm of a number of at least 1, bit by bit.
func log2(x *big.Float) *big.Float {
	exponent := x.MantExp(nil) - 1
	mantissa := new(big.Float).SetPrec(precision).SetMantExp(x, -exponent)
	sum := new(big.Float).SetPrec(precision).SetInt64(int64(exponent))
	two := big.NewFloat(2)
	for bit := 1; bit < precision; bit++ {
		mantissa.Mul(mantissa, mantissa)
		if mantissa.Cmp(two) >= 0 {
			mantissa.SetMantExp(mantissa, -1)
			sum.Add(sum, new(big.Float).SetMantExp(big.NewFloat(1), -bit))
		}
	}
	return sum
}

// halfUp rounds a number to an integer, a half up.
func halfUp(x *big.Float) *big.Int {
	sum := new(big.Float).SetPrec(2*precision).Add(x, big.NewFloat(0.5))
	whole, accuracy := sum.Int(nil) // toward zero
	if sum.Sign() < 0 && accuracy != big.Exact {
		whole.Sub(whole, big.NewInt(1))
	}
	return whole
}

// logarithms is a sum of integer multiples of binary logarithms of natural numbers above 0.
type logarithms map[int64]int64

// powerOfTwo returns the sum if it is an integer.
func (l logarithms) powerOfTwo() (int64, bool) {
	primes := map[int64]int64{}
	for n, times := range l {
		for p := int64(2); n > 1; p++ {
			if p*p > n {
				p = n
			}
			for n%p == 0 {
				primes[p] += times
				n /= p
			}
		}
	}
	two := primes[2]
	delete(primes, 2)
	for _, times := range primes {
		if times != 0 {
			return 0, false
		}
	}
	return two, true
}

func (l logarithms) sum() *big.Float {
	sum := new(big.Float).SetPrec(precision)
	for n, times := range l {
		term := log2(new(big.Float).SetPrec(precision).SetInt64(n))
		sum.Add(sum, term.Mul(term, new(big.Float).SetPrec(precision).SetInt64(times)))
	}
	return sum
}
