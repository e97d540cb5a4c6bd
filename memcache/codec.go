package memcache

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Codec turns values of one type into those of items. It is safe for concurrent
// use.
type Codec[T any] interface {
	// Encode returns the value of an item.
	Encode(value T) ([]byte, error)

	// Decode is the way back.
	Decode(text []byte) (T, error)
}

// CodecFunc is a codec that consists of two functions.
type CodecFunc[T any] struct {
	// To is Encode.
	To func(value T) ([]byte, error)

	// From is Decode.
	From func(text []byte) (T, error)
}

// Encode calls To.
func (c CodecFunc[T]) Encode(value T) ([]byte, error) { return c.To(value) }

// Decode calls From.
func (c CodecFunc[T]) Decode(text []byte) (T, error) { return c.From(text) }

// Bytes leaves values as they are.
func Bytes() Codec[[]byte] {
	same := func(b []byte) ([]byte, error) { return b, nil }
	return CodecFunc[[]byte]{same, same}
}

// String is a text as it stands.
func String() Codec[string] {
	return CodecFunc[string]{
		func(s string) ([]byte, error) { return []byte(s), nil },
		func(b []byte) (string, error) { return string(b), nil },
	}
}

// Numeric are the types of numbers.
type Numeric interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// Number is a number as a decimal text, which Increment and Decrement work on
// where it is a whole one and not below 0.
func Number[T Numeric]() Codec[T] {
	return CodecFunc[T]{
		func(n T) ([]byte, error) { return fmt.Append(nil, n), nil },
		func(b []byte) (T, error) { return number[T](strings.TrimRight(string(b), " ")) },
	}
}

// number parses what fits into the type.
func number[T Numeric](s string) (T, error) {
	var n T
	if signed, err := strconv.ParseInt(s, 10, 64); err == nil && int64(T(signed)) == signed && (signed < 0) == (T(signed) < 0) {
		return T(signed), nil
	}
	if unsigned, err := strconv.ParseUint(s, 10, 64); err == nil && uint64(T(unsigned)) == unsigned && T(unsigned) >= 0 {
		return T(unsigned), nil
	}
	half := 0.5
	if T(half) == 0 { // whole numbers only
		return n, fmt.Errorf("%.40q is no %T", s, n)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return n, fmt.Errorf("%.40q is no %T", s, n)
	}
	return T(f), nil
}

// JSON is a value as JSON.
func JSON[T any]() Codec[T] {
	return CodecFunc[T]{
		func(v T) ([]byte, error) { return json.Marshal(v) },
		func(b []byte) (v T, err error) {
			err = json.Unmarshal(b, &v)
			return v, err
		},
	}
}

// Values reads and writes values of one type. It is safe for concurrent use.
type Values[T any] struct {
	cache Cache
	codec Codec[T]
}

// Of returns what reads and writes the values of one type in a cache.
func Of[T any](cache Cache, codec Codec[T]) Values[T] { return Values[T]{cache, codec} }

// Get returns a value; ErrMiss where there is none.
func (v Values[T]) Get(ctx context.Context, key string) (T, error) {
	return v.decode(v.cache.Get(ctx, key))
}

// GetWait is Get that waits for the value to appear, see Cache.
func (v Values[T]) GetWait(ctx context.Context, key string) (T, error) {
	return v.decode(v.cache.GetWait(ctx, key))
}

// GetMulti returns those of the values that there are, by their keys.
func (v Values[T]) GetMulti(ctx context.Context, keys ...string) (map[string]T, error) {
	items, err := v.cache.GetMulti(ctx, keys...)
	if err != nil {
		return nil, err
	}
	values := make(map[string]T, len(items))
	for key, item := range items {
		if values[key], err = v.decode(item, nil); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// Set stores a value, whatever was there. The TTL is as that of an Item.
func (v Values[T]) Set(ctx context.Context, key string, value T, ttl time.Duration) error {
	return v.store(ctx, v.cache.Set, "set", key, value, ttl)
}

// Add stores a value if there is none of that key; otherwise ErrNotStored.
func (v Values[T]) Add(ctx context.Context, key string, value T, ttl time.Duration) error {
	return v.store(ctx, v.cache.Add, "add", key, value, ttl)
}

// Replace stores a value if there is one of that key; otherwise ErrNotStored.
func (v Values[T]) Replace(ctx context.Context, key string, value T, ttl time.Duration) error {
	return v.store(ctx, v.cache.Replace, "replace", key, value, ttl)
}

func (v Values[T]) store(ctx context.Context, store func(context.Context, Item) error,
	op, key string, value T, ttl time.Duration,
) error {
	text, err := v.codec.Encode(value)
	if err != nil {
		return &Error{Op: op, Key: key, Err: fmt.Errorf("encode the value: %w", err)}
	}
	return store(ctx, Item{Key: key, Value: text, TTL: ttl})
}

func (v Values[T]) decode(item Item, err error) (value T, _ error) {
	if err != nil {
		return value, err
	}
	value, err = v.codec.Decode(item.Value)
	if err != nil {
		return value, &Error{Op: "get", Key: item.Key, Err: fmt.Errorf("decode the value: %w", err)}
	}
	return value, nil
}
