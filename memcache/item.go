package memcache

import (
	"fmt"
	"hash/maphash"
	"math"
	"time"

	gomemcache "github.com/bradfitz/gomemcache/memcache"
)

// Item is a value under its key.
type Item struct {
	// Key is at most 250 bytes long, with its namespace; no blanks, no control
	// characters.
	Key string

	// Value is at most 1 MB long, unless the server was told otherwise.
	Value []byte

	// Flags belong to the caller; the server only keeps them.
	Flags uint32

	// TTL is how long the server keeps the item, in whole seconds, rounded up;
	// 0 has no end, and with a negative one the item is gone at once. An item
	// that was read has none: the server does not tell it.
	TTL time.Duration

	// Unique says that nobody else ever writes this very value under this key.
	// After a lost answer, Add and CompareAndSwap then find out what became of
	// it: they succeed if the value is there.
	Unique bool

	read reading
}

// reading tells CompareAndSwap which item was read. The zero value is an item
// that was not.
type reading struct {
	cas    uint64 // counted by the server, from 1 on after each start
	opened uint64 // how many connections there had been before it was read
	sum    uint64 // of the value and the flags
}

// sums are comparable within the process.
var sums = maphash.MakeSeed()

func sum(value []byte, flags uint32) uint64 {
	return maphash.Bytes(sums, value) ^ uint64(flags)
}

// received makes an item of an answer.
func received(key string, it *gomemcache.Item, opened uint64) Item {
	return Item{
		Key: key, Value: it.Value, Flags: it.Flags,
		read: reading{cas: it.CasID, opened: opened, sum: sum(it.Value, it.Flags)},
	}
}

// outgoing makes what is sent of an item.
func (i Item) outgoing(key string, wall time.Time) (*gomemcache.Item, error) {
	seconds, err := expiration(i.TTL, wall)
	if err != nil {
		return nil, err
	}
	return &gomemcache.Item{Key: key, Value: i.Value, Flags: i.Flags, Expiration: seconds, CasID: i.read.cas}, nil
}

// maxRelative is the longest TTL that memcached takes as one; what is greater is
// a time since 1970. (protocol.txt, "Expiration times")
const maxRelative = 30 * 24 * time.Hour

// expiration returns a TTL as memcached wants it.
func expiration(ttl time.Duration, wall time.Time) (int32, error) {
	if ttl < 0 {
		return -1, nil
	}
	seconds := int64(ttl / time.Second)
	if ttl%time.Second > 0 {
		seconds++
	}
	if ttl > maxRelative {
		seconds += wall.Unix()
	}
	if seconds > math.MaxInt32 {
		return 0, fmt.Errorf("a TTL of %s ends after the year 2038, and memcached cannot tell such a time: 0 has no end", ttl)
	}
	return int32(seconds), nil
}
