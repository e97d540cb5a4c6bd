package pidfile_test

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker/pidfile"
)

// alive is a process that lives.
type alive struct{ pidfile.Handle }

func (alive) Close() {}

// dead is the number of a process that lives no more.
const dead = 1

// starter is the PID files of a process of that number, among others that live.
func starter(pid int) pidfile.DiskFiles {
	return pidfile.On(pidfile.Machine{
		Clock: clockwork.Real(), PID: pid,
		Find: func(pid int) (pidfile.Handle, error) {
			if pid == dead {
				return nil, os.ErrProcessDone
			}
			return alive{}, nil
		},
	})
}

// Of starters that find one stale file, or none, at the same time, one gets it,
// and the others are told which. They are goroutines here, so that many rounds
// take little time: the faults that this is for show in a few rounds of a
// hundred.
func TestOfManyStartersOneGetsAStaleFile(t *testing.T) {
	path := pathIn(t)
	for round := range 400 {
		if round%2 == 0 {
			require.NoError(t, os.WriteFile(path, fmt.Appendln(nil, dead), 0o644))
		}
		var files [4]pidfile.File
		var errs [len(files)]error
		begin := make(chan struct{})
		var all sync.WaitGroup
		for i := range files {
			all.Go(func() {
				<-begin
				files[i], errs[i] = starter(100 + i).Lock(path)
			})
		}
		close(begin)
		all.Wait()

		onlyFile(t, path)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		winner := slices.Index(errs[:], nil)
		require.GreaterOrEqual(t, winner, 0, "%v", errs)
		require.Equal(t, fmt.Sprintln(100+winner), string(text))
		for i, err := range errs {
			if i != winner {
				require.Equal(t, &pidfile.LockedError{Path: path, PID: 100 + winner}, err)
			}
		}
		require.NoError(t, files[winner].Remove())
		require.NoFileExists(t, path)
	}
}
