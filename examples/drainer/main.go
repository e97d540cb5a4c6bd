// Command drainer is a daemon to copy: it empties a queue of bookings in
// SQLite. Each booking is one transaction with the mark that it is done, so it
// is made once, at whatever instant the daemon is killed.
package main

import (
	"context"
	"database/sql"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
)

func main() { New().Main() }

// New declares the daemon.
func New(extra ...core.Option) *core.Daemon { return declare(book, extra...) }

// work does a job in the transaction that marks it as done. What it does
// elsewhere (a mail, a request) is not undone with the transaction: a job whose
// transaction is lost is done again, and must allow for that.
type work func(ctx context.Context, d *core.Daemon, tx *sql.Tx, j job) error

// declare is New with work of the caller's choice, which a test has.
func declare(do work, extra ...core.Option) *core.Daemon {
	r := drainer{do: do}
	return core.New("drainer", append([]core.Option{
		core.FixedDelay(time.Second),
		core.WithLock(lock.File(core.RuntimePath("drainer.lock"))),
		core.WithLog(logfile.Fixed(core.RuntimePath("drainer.log"))),
		core.StandardFlags(),
		core.Flags(r.flags),
		core.MaxConsecutiveFailures(10), // the database may be busy for a while
		core.Setup(r.open),
		core.Execute(r.drain),
		core.Teardown(r.close),
	}, extra...)...)
}

type drainer struct {
	do    work
	queue *queue
	batch int
	file  string
}

func (r *drainer) flags(app *kingpin.Application) {
	app.Flag("batch", "How many jobs an iteration does.").Default("100").IntVar(&r.batch)
	app.Flag("file", "The database.").Default("queue.db").StringVar(&r.file)
}

func (r *drainer) open(ctx context.Context, d *core.Daemon) (err error) {
	r.queue, err = openQueue(ctx, d.Path(r.file))
	return err
}

func (r *drainer) close(context.Context, *core.Daemon) error { return r.queue.db.Close() }

// drain does a batch of jobs. One that fails is put by with its error, and the
// others go on. A stop waits for the batch.
func (r *drainer) drain(ctx context.Context, d *core.Daemon) error {
	do := func(tx *sql.Tx, j job) error { return r.do(ctx, d, tx, j) }
	done := 0
	for done < r.batch {
		j, found, err := r.queue.next(ctx, do)
		if err != nil {
			return err
		}
		if !found {
			break
		}
		if j.failed != nil {
			d.Alertf("job %d: %v", j.id, j.failed)
		}
		done++
	}
	if done > 0 {
		d.Logf("%d jobs done", done)
	}
	return nil
}

// book adds an amount to an account's balance, which the database keeps from
// being negative.
func book(ctx context.Context, _ *core.Daemon, tx *sql.Tx, j job) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO accounts (name, balance) VALUES (?1, ?2)
		ON CONFLICT (name) DO UPDATE SET balance = balance + ?2`, j.account, j.amount)
	return err
}
