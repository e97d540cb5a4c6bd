package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"

	_ "github.com/ncruces/go-sqlite3/driver" // SQLite without cgo
)

// schema is made where it is not there yet. Others add jobs at any time:
//
//	INSERT INTO jobs (account, amount) VALUES ('ann', 250)
const schema = `
CREATE TABLE IF NOT EXISTS jobs (
	id      INTEGER PRIMARY KEY,
	account TEXT    NOT NULL,
	amount  INTEGER NOT NULL,
	done    TEXT, -- since when
	error   TEXT  -- why it could not be done
);
CREATE INDEX IF NOT EXISTS waiting ON jobs (id) WHERE done IS NULL;
CREATE TABLE IF NOT EXISTS accounts (
	name    TEXT    PRIMARY KEY,
	balance INTEGER NOT NULL CHECK (balance >= 0)
);`

type job struct {
	id, amount int64
	account    string
	failed     error
}

type queue struct{ db *sql.DB }

func openQueue(ctx context.Context, path string) (*queue, error) {
	// A transaction begins as a writing one: one that reads first, and then
	// finds that somebody else has written, would fail.
	source := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "_txlock=immediate&_pragma=busy_timeout(5000)"}
	db, err := sql.Open("sqlite3", source.String())
	if err != nil {
		return nil, err
	}
	if _, err = db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &queue{db: db}, nil
}

// next does the oldest job that waits. What it does and the mark that it is done
// are one transaction: after a crash the job is done and marked, or it waits.
func (q *queue) next(ctx context.Context, do func(*sql.Tx, job) error) (j job, found bool, err error) {
	tx, err := q.db.BeginTx(ctx, nil)
	if err != nil {
		return job{}, false, err
	}
	defer tx.Rollback() //nolint:errcheck // it has been committed, or what went wrong is returned

	err = tx.QueryRowContext(ctx, `SELECT id, account, amount FROM jobs WHERE done IS NULL ORDER BY id LIMIT 1`).
		Scan(&j.id, &j.account, &j.amount)
	if errors.Is(err, sql.ErrNoRows) {
		return job{}, false, nil
	}
	if err != nil {
		return job{}, false, err
	}
	if _, err = tx.ExecContext(ctx, `SAVEPOINT work`); err != nil {
		return job{}, false, err
	}
	var reason any // NULL
	if j.failed = do(tx, j); j.failed != nil {
		// Where the daemon has to end, this fails, and the job waits.
		if _, err = tx.ExecContext(ctx, `ROLLBACK TO work`); err != nil {
			return job{}, false, err
		}
		reason = j.failed.Error()
	}
	if _, err = tx.ExecContext(ctx, `UPDATE jobs SET done = CURRENT_TIMESTAMP, error = ? WHERE id = ?`, reason, j.id); err != nil {
		return job{}, false, err
	}
	return j, true, tx.Commit()
}
