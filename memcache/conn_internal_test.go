package memcache

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pairs are connections with both their ends.
var pairs = map[string]func(t *testing.T) (here, there net.Conn){
	"pipe": func(*testing.T) (here, there net.Conn) { return net.Pipe() },
	"TCP": func(t *testing.T) (here, there net.Conn) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		here, err = net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		there, err = l.Accept()
		require.NoError(t, err)
		return here, there
	},
}

// An idle connection that the other end has closed is known for what it is before
// anything is sent.
func TestAlive(t *testing.T) {
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			here, there := pair(t)
			defer here.Close()
			c := &conn{Conn: here}
			for range 3 {
				assert.True(t, c.alive())
			}
			there.Close()
			assert.Eventually(t, func() bool { return !c.alive() }, time.Minute, time.Millisecond)
			here.Close()
			assert.False(t, c.alive())
		})
	}
}

// One on which the server has said what nobody asked for is not used again.
func TestUnaskedAnswer(t *testing.T) {
	here, there := pairs["TCP"](t)
	defer here.Close()
	defer there.Close()
	_, err := there.Write([]byte("STORED\r\n"))
	require.NoError(t, err)
	c := &conn{Conn: here}
	assert.Eventually(t, func() bool { return !c.alive() }, time.Minute, time.Millisecond)
}
