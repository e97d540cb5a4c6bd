package ini

import (
	"encoding"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

var durationType = reflect.TypeFor[time.Duration]()

// convert makes a value of a text. Its error says what to write instead.
func convert(to reflect.Value, text string) error {
	if u, ok := to.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	if to.Kind() == reflect.String {
		to.SetString(text)
		return nil
	}
	if to.Kind() == reflect.Slice {
		return convertList(to, text)
	}
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("nothing is written there: write %s, or remove the line", example(to.Type()))
	}
	var err error
	switch {
	case to.Type() == durationType:
		err = convertDuration(to, text)
	case to.Kind() == reflect.Bool:
		err = convertBool(to, text)
	case to.CanInt():
		var n int64
		if n, err = strconv.ParseInt(text, 10, to.Type().Bits()); err == nil {
			to.SetInt(n)
		}
	case to.CanUint():
		var n uint64
		if n, err = strconv.ParseUint(text, 10, to.Type().Bits()); err == nil {
			to.SetUint(n)
		}
	default:
		var n float64
		if n, err = strconv.ParseFloat(text, to.Type().Bits()); err == nil {
			to.SetFloat(n)
		}
	}
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("that does not fit: write %s", example(to.Type()))
	} else if err != nil {
		return fmt.Errorf("write %s", example(to.Type()))
	}
	return nil
}

func convertDuration(to reflect.Value, text string) error {
	d, err := time.ParseDuration(text)
	to.SetInt(int64(d))
	return err
}

func convertBool(to reflect.Value, text string) error {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		to.SetBool(true)
	case "false", "no", "off", "0":
		to.SetBool(false)
	default:
		return strconv.ErrSyntax
	}
	return nil
}

// convertList reads elements with commas between them. No text is no element.
func convertList(to reflect.Value, text string) error {
	list := reflect.MakeSlice(to.Type(), 0, 0)
	if strings.TrimSpace(text) != "" {
		for part := range strings.SplitSeq(text, ",") {
			one := reflect.New(to.Type().Elem()).Elem()
			if part = strings.TrimSpace(part); part == "" {
				return fmt.Errorf("there is nothing between two commas: write %s", example(to.Type()))
			}
			if err := convert(one, part); err != nil {
				return fmt.Errorf("%q: %w", part, err)
			}
			list = reflect.Append(list, one)
		}
	}
	to.Set(list)
	return nil
}

// supported tells whether convert knows a type.
func supported(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return true
	}
	switch v := reflect.Zero(t); t.Kind() {
	case reflect.Slice:
		return t.Elem().Kind() != reflect.Slice && supported(t.Elem())
	case reflect.String, reflect.Bool:
		return true
	case reflect.Uintptr:
		return false
	default:
		return v.CanInt() || v.CanUint() || v.CanFloat()
	}
}

// example says what to write for a type.
func example(t reflect.Type) string {
	switch v := reflect.Zero(t); {
	case t == durationType:
		return "a duration with its unit, such as 5s"
	case t.Kind() == reflect.Slice:
		return "a list such as a, b, c"
	case t.Kind() == reflect.Bool:
		return "yes or no"
	case v.CanInt():
		return "a whole number"
	case v.CanUint():
		return "a whole number from 0"
	case v.CanFloat():
		return "a number"
	default:
		return "a value"
	}
}

// show returns a value as it is written in a file.
func show(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = show(v.Index(i))
		}
		return strings.Join(parts, ", ")
	case v.CanInterface():
		if m, ok := v.Interface().(encoding.TextMarshaler); ok {
			text, _ := m.MarshalText()
			return string(text)
		}
	}
	return fmt.Sprint(v)
}

// secretNames are what a key's name has in it whose value is not shown.
var secretNames = [...]string{"password", "passwd", "passphrase", "token", "secret", "credential"}

// isSecret tells by its name whether a key holds a secret.
func isSecret(key string) bool {
	for _, name := range secretNames {
		if strings.Contains(strings.ToLower(key), name) {
			return true
		}
	}
	return false
}

const mask = "***"

// visible returns a value as a log may show it.
func visible(value string, secret bool) string {
	if secret && value != "" {
		return mask
	}
	if strings.Contains(value, "://") {
		if u, err := url.Parse(value); err != nil || u.User != nil {
			return withoutUser(value)
		}
	}
	return value
}

// withoutUser masks what stands between :// and the last @ of a URL's host part,
// also in a text that is no URL because of what the password holds.
func withoutUser(value string) string {
	scheme, rest, _ := strings.Cut(value, "://")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		return scheme + "://" + mask + rest[at:]
	}
	return value
}
