package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/evertick/evertick/forker"
)

// largest is where the numbers end: the square of the largest small prime's
// bound.
const largest = smallBound * smallBound

// smallBound bounds the primes that a worker sieves with.
const smallBound = 1 << 20

// smallPrimes returns the primes that a worker sieves with. They are found once:
// by each worker's set-up, or by the first one where a test plays all of them in
// its own process.
var smallPrimes = sync.OnceValue(func() (found []int64) {
	composite := make([]bool, smallBound)
	for n := int64(2); n < smallBound; n++ {
		if composite[n] {
			continue
		}
		found = append(found, n)
		for multiple := n * n; multiple < smallBound; multiple += n {
			composite[multiple] = true
		}
	}
	return found
})

// findSmallPrimes prepares a worker for any number of calls.
func findSmallPrimes(context.Context, *forker.Child) error {
	smallPrimes()
	return nil
}

// span is the numbers from From up to, but without, To.
type span struct{ From, To int64 }

// String returns the first and the last number.
func (s span) String() string { return fmt.Sprintf("%d–%d", s.From, s.To-1) }

// primes counts the primes of the span. small holds all primes up to the root
// of its end.
func (s span) primes(small []int64) (n int) {
	composite := make([]bool, s.To-s.From)
	for _, p := range small {
		if p*p >= s.To {
			break
		}
		for multiple := max(p*p, (s.From+p-1)/p*p); multiple < s.To; multiple += p {
			composite[multiple-s.From] = true
		}
	}
	for i, c := range composite {
		if !c && s.From+int64(i) > 1 {
			n++
		}
	}
	return n
}
