package lock_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"file:/run/x.lock", "file:/run/x.lock"},
		{"file:///run/x.lock", "file:/run/x.lock"},
		{"file:x.lock", "file:x.lock"},
		{"FILE:x.lock", "file:x.lock"},
		{"file:../x.lock", "file:../x.lock"},
		{"file:a:b", "file:a:b"},
		{"file:a%20b?c=d", "file:a%20b?c=d"},
		{"/run/x.lock", "file:/run/x.lock"},
		{"x.lock", "file:x.lock"},
		{"./a:b", "file:a:b"},
		{"dir/a:b", "file:dir/a:b"},
		{"/a:b", "file:/a:b"},
		{`C:\x`, `file:C:\x`},
		{"1st:x", "file:1st:x"},
		{"null:", "null:"},
		{"Null:", "null:"},
	} {
		l, err := lock.Parse(c.url)
		require.NoError(t, err, c.url)
		assert.Equal(t, c.want, l.String(), c.url)
		again, err := lock.Parse(l.String())
		require.NoError(t, err, c.url)
		assert.Equal(t, l.String(), again.String(), c.url)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ url, says string }{
		{"", "lock: the URL is empty: write null:, file:PATH or a path"},
		{"file:", "lock: file: names no path: write file:/path or file:path"},
		{"file://host/x", "lock: file://host/x names a host: write file:/path or file:path"},
		{"null:x", "lock: null:x: nothing may follow null"},
		{"redis://u:secret@host/x", "lock: unknown scheme redis: known ones are file, "},
		{"localhost:11211", "lock: unknown scheme localhost: "},
		{"file:/a\nb", `lock: the URL "file:/a\nb" has control characters in it: take them out`},
	} {
		_, err := lock.Parse(c.url)
		require.ErrorContains(t, err, c.says)
		assert.NotContains(t, err.Error(), "\n")
		assert.NotContains(t, err.Error(), "secret")
	}
}

func TestRegister(t *testing.T) {
	t.Cleanup(func() { lock.Forget("test-kind") })
	broken := errors.New("no such host")
	lock.Register("test-kind", func(rest string) (lock.Locker, error) {
		if rest != "//host" {
			return nil, broken
		}
		return lock.Null(), nil
	})
	_, err := lock.Parse("Test-Kind://host")
	require.NoError(t, err)
	_, err = lock.Parse("test-kind:x")
	require.ErrorIs(t, err, broken)
	require.EqualError(t, err, "lock: no such host")
	_, err = lock.Parse("unheard:of")
	require.ErrorContains(t, err, "known ones are file, null, test-kind; a path")

	any := func(string) (lock.Locker, error) { return lock.Null(), nil }
	for _, name := range []string{"file", "test-kind", "", "x", "Upper", "a:b", "a/b"} {
		assert.Panics(t, func() { lock.Register(name, any) }, name)
	}
	assert.Panics(t, func() { lock.Register("fine", nil) })
}
