package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// filled returns a database with a job for each amount, all for ann.
func filled(t *testing.T, amounts ...int) map[string]string {
	var jobs string
	for _, amount := range amounts {
		jobs += fmt.Sprintf(`INSERT INTO jobs (account, amount) VALUES ('ann', %d);`, amount)
	}
	return database(t, jobs)
}

func database(t *testing.T, content string) map[string]string {
	path := filepath.Join(t.TempDir(), "queue.db")
	q, err := openQueue(t.Context(), path)
	require.NoError(t, err)
	_, err = q.db.Exec(content)
	require.NoError(t, errors.Join(err, q.db.Close()))
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	return map[string]string{"queue.db": string(file)}
}

const (
	balance = `SELECT balance FROM accounts WHERE name = 'ann'`
	waiting = `SELECT count(*) FROM jobs WHERE done IS NULL`
	booked  = `SELECT count(*) FROM accounts`
)

// at is a step's look into the world's database.
func at(t *testing.T, what string, look func(*sql.DB)) daemontest.Action {
	return daemontest.Do(what, func(w *daemontest.World) {
		if q, err := openQueue(t.Context(), w.Path("queue.db")); assert.NoError(t, err) {
			look(q.db)
			assert.NoError(t, q.db.Close())
		}
	})
}

// query wants an answer.
func query(t *testing.T, question, want string) daemontest.Action {
	return at(t, question, func(db *sql.DB) {
		var got string
		assert.NoError(t, db.QueryRow(question).Scan(&got), question)
		assert.Equal(t, want, got, question)
	})
}

// exec changes something.
func exec(t *testing.T, change string) daemontest.Action {
	return at(t, change, func(db *sql.DB) {
		_, err := db.Exec(change)
		assert.NoError(t, err, change)
	})
}

func TestDrainerDrains(t *testing.T) {
	daemontest.Run(t, New, daemontest.Scenario{
		Args:  "-d -p drainer.pid --batch 4",
		Files: filled(t, 1, 2, -9, 4, 5, 6, 7),
		Steps: daemontest.Steps{
			daemontest.At(500*time.Millisecond, query(t, balance, "7"), query(t, waiting, "3")),
			daemontest.At(1500*time.Millisecond, query(t, balance, "25"), query(t, waiting, "0")),
			daemontest.At(4500*time.Millisecond, exec(t, `INSERT INTO jobs (account, amount) VALUES ('ann', 5)`)),
			daemontest.At(5500*time.Millisecond, query(t, balance, "30"), daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Iterations(6), daemontest.Failures(0), daemontest.Exit(0), daemontest.LockReleased(),
			daemontest.LogsTimes("job 3: ", 1), daemontest.Logs("CHECK constraint failed: balance >= 0"),
		},
	})
}

// slow is book, and the job is done a second later.
func slow(ctx context.Context, d *core.Daemon, tx *sql.Tx, j job) error {
	return errors.Join(book(ctx, d, tx, j), clockwork.Sleep(ctx, d.Clock(), time.Second))
}

// unlock puts copies in the place of the database's files: what was killed has
// them open, and locked, until the scenario is judged.
var unlock = daemontest.Do("unlock", func(w *daemontest.World) {
	for _, name := range []string{"queue.db", "queue.db-journal"} {
		if content, ok := w.File(name); ok {
			w.Do(daemontest.WriteFile(name, content))
		}
	}
})

func TestDrainerIsKilledInATransaction(t *testing.T) {
	slowly := func(extra ...core.Option) *core.Daemon { return declare(slow, extra...) }
	daemontest.Run(t, slowly, daemontest.Scenario{
		Files: filled(t, 1, 2, 3, 4, 5, 6),
		Steps: daemontest.Steps{
			daemontest.At(3500*time.Millisecond, daemontest.Signal(syscall.SIGKILL), unlock),
			daemontest.At(5*time.Second, query(t, balance, "6"), query(t, waiting, "3"), daemontest.Command("-v")),
			daemontest.At(15*time.Second, query(t, balance, "21"), query(t, waiting, "0"), daemontest.SignalTo("-v", syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Killed(), daemontest.Of("-v", daemontest.Exit(0), daemontest.Failures(0)),
			daemontest.Logs("3 jobs done"), daemontest.LockReleased(),
		},
	})
}

// A job that fails half-way leaves nothing behind, and is not tried again.
func TestDrainerUndoesHalfAJob(t *testing.T) {
	half := func(ctx context.Context, d *core.Daemon, tx *sql.Tx, j job) error {
		return errors.Join(book(ctx, d, tx, j), errors.New("the other half"))
	}
	halves := func(extra ...core.Option) *core.Daemon { return declare(half, extra...) }
	daemontest.Run(t, halves, daemontest.Scenario{
		Files: filled(t, 1),
		Steps: daemontest.Steps{
			daemontest.At(2500*time.Millisecond, query(t, booked, "0"), query(t, waiting, "0"), daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{daemontest.LogsTimes("job 1: the other half", 1), daemontest.Failures(0), daemontest.Exit(0)},
	})
}

// What cannot be marked as done is undone, and done later.
func TestDrainerUndoesWhatItCannotMark(t *testing.T) {
	daemontest.Run(t, New, daemontest.Scenario{
		Files: database(t, `INSERT INTO jobs (account, amount) VALUES ('ann', 5);
			CREATE TRIGGER mark BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'no mark'); END`),
		Steps: daemontest.Steps{
			daemontest.At(1500*time.Millisecond, query(t, booked, "0"), query(t, waiting, "1"), exec(t, `DROP TRIGGER mark`)),
			daemontest.At(2500*time.Millisecond, query(t, balance, "5"), query(t, waiting, "0"), daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{daemontest.Failures(2), daemontest.LogsTimes("no mark", 2), daemontest.Exit(0)},
	})
}
