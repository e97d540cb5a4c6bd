package lock

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

// What a file system without locks answers to flock(2) is told as such.
func TestFlockErrors(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOLCK, unix.EOPNOTSUPP, unix.ENOSYS, unix.EINVAL} {
		err := flockError("/mnt/x.lock", errno)
		assert.ErrorIs(t, err, errno)
		assert.ErrorContains(t, err, "flock /mnt/x.lock: this file system does not lock")
		assert.ErrorContains(t, err, "for example under /run")
	}
	assert.NoError(t, flockError("x", nil))
	assert.Equal(t, unix.EWOULDBLOCK, flockError("x", unix.EWOULDBLOCK))
	assert.ErrorIs(t, flockError("x", unix.EIO), unix.EIO)
}
