package world

import (
	"context"
	"os"

	"github.com/evertick/evertick/mail"
)

// spoolDisk is the disk as a generation's spool of alert mail reaches it.
type spoolDisk struct {
	g     *Generation
	files *Files
}

var _ mail.Disk = spoolDisk{}

func (s spoolDisk) Folder(dir string) string { return s.g.path(dir) }

func (s spoolDisk) Permit(path string, n int) error {
	if !s.g.awake() {
		return s.g.freeze()
	}
	err := s.files.refusal(path)
	if err == nil && n > 0 {
		_, err = s.files.grant(path, n)
	}
	return err
}

// BeforeLog waits for a lane of the process, so that what is logged comes in a
// fixed order.
func (s spoolDisk) BeforeLog() { _ = s.g.wait(context.Background(), laneDisk, 0) }

func (s spoolDisk) Locked(lock *os.File) {
	s.g.locked.add(spoolLock{lock})
	if !s.g.alive() { // it was killed in between
		s.Unlock(lock)
	}
}

func (s spoolDisk) Unlock(lock *os.File) { s.g.locked.unlock(lock) }

// spoolLock is the file that locks a spool.
type spoolLock struct{ lock *os.File }

func (s spoolLock) file() *os.File { return s.lock }
