package pidfile_test

import (
	"os"
	"testing"

	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/forker/pidfile/pidfiletest"
)

func TestDiskConforms(t *testing.T) {
	pidfiletest.Run(t, pidfiletest.Subject{
		New: func(t *testing.T) pidfiletest.Machine {
			return pidfiletest.Machine{
				Files: pidfile.Disk(nil),
				PID:   os.Getpid(),
				Start: func() pidfiletest.Process { return startOther(t) },
				Dir:   t.TempDir(),
				Disk:  disk{},
			}
		},
	})
}

type disk struct{}

func (disk) ReadFile(path string) ([]byte, error)     { return os.ReadFile(path) }
func (disk) WriteFile(path string, data []byte) error { return os.WriteFile(path, data, 0o644) }
func (disk) Remove(path string) error                 { return os.Remove(path) }

func TestSocketsConform(t *testing.T) {
	pidfiletest.RunReplies(t, pidfiletest.RepliesSubject{
		New: func(t *testing.T) (daemon, asker pidfile.Replies, pid int, dir string) {
			return pidfile.Sockets(nil), pidfile.Sockets(nil), os.Getpid(), t.TempDir()
		},
	})
}
