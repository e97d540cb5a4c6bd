// Command primes is a daemon to copy that keeps a pool of workers busy: each
// round it has ranges of numbers sieved, in processes of their own, and logs how
// many primes each range has. It ends by itself after its last round, or with
// Ctrl-C.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/forker"
)

func main() { New().Main() }

// sieves are the workers: one for each processor.
var sieves = forker.NewPool("sieves", forker.PoolConfig{
	Setup:        findSmallPrimes,
	Timeout:      30 * time.Second,
	Retries:      1, // sieving once more does no harm
	RecycleCalls: 1000,
})

// count counts the primes of a span.
var count = forker.NewMethod(sieves, "count", func(_ context.Context, _ *forker.Child, s span) (int, error) {
	return s.primes(smallPrimes()), nil
})

// New declares the daemon.
func New(extra ...core.Option) *core.Daemon {
	p := &primes{}
	return core.New("primes", append([]core.Option{
		core.Flags(p.flags),
		core.Configure(p.options),
		core.Setup(func(ctx context.Context, d *core.Daemon) error { return sieves.Start(ctx, d) }),
		core.Execute(p.round),
	}, extra...)...)
}

type primes struct {
	every  time.Duration
	rounds int64
	ranges int
	size   int64
	from   int64 // where the next range begins
	found  int
}

func (p *primes) flags(app *kingpin.Application) {
	app.Flag("every", "Interval of the rounds.").Default("1s").DurationVar(&p.every)
	app.Flag("rounds", "How many rounds; 0 goes on for ever.").Default("10").Int64Var(&p.rounds)
	app.Flag("ranges", "How many ranges a round has.").Default("8").IntVar(&p.ranges)
	app.Flag("size", "How many numbers a range has.").Default("1000000").Int64Var(&p.size)
}

func (p *primes) options(*core.Daemon) ([]core.Option, error) {
	var err error
	switch {
	case p.rounds < 0:
		err = fmt.Errorf("--rounds is negative: %d", p.rounds)
	case p.ranges < 1:
		err = fmt.Errorf("--ranges is %d, less than 1", p.ranges)
	case p.size < 1 || p.size > math.MaxInt32:
		err = fmt.Errorf("--size is %d, not from 1 to %d", p.size, math.MaxInt32)
	}
	return []core.Option{core.FromFlag("--every", core.Every(p.every))}, err
}

// round hands out the ranges, and logs what comes back as a table. At a stop it
// hands out no more, and waits for those that run.
func (p *primes) round(ctx context.Context, d *core.Daemon) error {
	type row struct {
		span span
		call *forker.Call[int]
	}
	var rows []row
	for range p.ranges {
		s := span{p.from, p.from + p.size}
		if s.To > largest {
			d.Stop(fmt.Sprintf("no numbers are left below %d", int64(largest)))
			break
		}
		call, err := count.Submit(ctx, d, s)
		if err != nil {
			return err
		}
		rows = append(rows, row{s, call})
		p.from = s.To
	}
	var failed []error
	d.Logf("round %d", d.Iteration())
	for _, r := range rows {
		n, err := r.call.Wait(ctx)
		if err != nil {
			failed = append(failed, fmt.Errorf("%v: %w", r.span, err))
			continue
		}
		p.found += n
		d.Logf("%24s %8d primes, %5.2f %%", r.span, n, 100*float64(n)/float64(p.size))
	}
	d.Logf("%24s %8d primes", "so far", p.found)
	if p.rounds > 0 && d.Iteration() >= p.rounds {
		d.Stop("the last round is over")
	}
	return errors.Join(failed...)
}
