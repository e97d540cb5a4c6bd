package memcache_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/memcache"
)

// both ways of a value through a codec.
func both[T any](t *testing.T, codec memcache.Codec[T], value T, text string) {
	t.Helper()
	b, err := codec.Encode(value)
	require.NoError(t, err)
	assert.Equal(t, text, string(b))
	again, err := codec.Decode(b)
	require.NoError(t, err)
	assert.Equal(t, value, again)
}

func TestCodecs(t *testing.T) {
	both(t, memcache.Bytes(), []byte("\x00\xff"), "\x00\xff")
	both(t, memcache.String(), "", "")
	both(t, memcache.String(), "ä\n", "ä\n")
	both(t, memcache.Number[int](), -7, "-7")
	both(t, memcache.Number[int8](), math.MinInt8, "-128")
	both(t, memcache.Number[int64](), math.MinInt64, "-9223372036854775808")
	both(t, memcache.Number[uint64](), math.MaxUint64, "18446744073709551615")
	both(t, memcache.Number[float64](), 0.1, "0.1")
	both(t, memcache.Number[float64](), math.MaxFloat64, "1.7976931348623157e+308")
	both(t, memcache.Number[float64](), 1<<53, "9.007199254740992e+15")
	both(t, memcache.Number[float32](), 16777216, "1.6777216e+07")
	both(t, memcache.JSON[[]int](), []int{1, 2}, "[1,2]")
}

func TestNumberRefuses(t *testing.T) {
	refuses := func(err error) {
		t.Helper()
		require.Error(t, err)
	}
	for _, text := range []string{"", " ", "x", "1x", "0x10", "1 2", "--1"} {
		refuses(second(memcache.Number[int]().Decode([]byte(text))))
		if text != "0x10" {
			refuses(second(memcache.Number[float64]().Decode([]byte(text))))
		}
	}
	refuses(second(memcache.Number[int]().Decode([]byte("1.5"))))
	refuses(second(memcache.Number[int8]().Decode([]byte("128"))))
	refuses(second(memcache.Number[uint]().Decode([]byte("-1"))))
	refuses(second(memcache.Number[uint64]().Decode([]byte("-1"))))
	refuses(second(memcache.Number[int64]().Decode([]byte("9223372036854775808"))))
	refuses(second(memcache.Number[uint64]().Decode([]byte("18446744073709551616"))))

	shrunk, err := memcache.Number[int]().Decode([]byte("9 ")) // as Decrement leaves it
	require.NoError(t, err)
	assert.Equal(t, 9, shrunk)
}

// What cannot be encoded is not sent, and the key is named.
func TestEncodeFails(t *testing.T) {
	values := memcache.Of(memcache.New(nil, memcache.Options{}), memcache.JSON[func()]())
	err := values.Set(context.Background(), "k", func() {}, 0)
	require.ErrorContains(t, err, `set "k"`)
	var details *memcache.Error
	require.True(t, errors.As(err, &details))
}
