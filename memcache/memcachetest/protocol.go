package memcachetest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/evertick/evertick/clockwork"
)

const (
	maxKey   = 250
	maxValue = 1<<20 - 1<<9 // what a real one accepts depends on the key
)

// serve speaks with one client until the connection is closed.
func (s *Server) serve(c net.Conn) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.Close()
		delete(s.conns, c)
	}()
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		args := strings.Fields(line)
		if len(args) == 0 {
			args = []string{""}
		}
		value, answer, err := body(in, args)
		if err != nil {
			return
		}
		if answer == "" {
			var open bool
			if answer, open = s.command(c, args, value); !open {
				return
			}
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

// body reads the value of a command that has one, and answers one that is wrong.
func body(in *bufio.Reader, args []string) (value []byte, answer string, err error) {
	switch args[0] {
	case "set", "add", "replace", "cas":
	default:
		return nil, "", nil
	}
	if len(args) < 5 {
		return nil, "ERROR\r\n", nil
	}
	size, err := strconv.ParseUint(args[4], 10, 31)
	if err != nil {
		return nil, "CLIENT_ERROR bad data chunk\r\n", nil
	}
	value = make([]byte, size+2)
	if _, err := io.ReadFull(in, value); err != nil {
		return nil, "", err
	}
	switch {
	case string(value[size:]) != "\r\n":
		return nil, "CLIENT_ERROR bad data chunk\r\n", nil
	case len(args[1]) > maxKey:
		return nil, "CLIENT_ERROR line format error\r\n", nil
	case size > maxValue:
		return nil, "SERVER_ERROR object too large for cache\r\n", nil
	}
	return value[:size], "", nil
}

// command carries one out among the faults. It reports whether the connection
// stays open.
func (s *Server) command(c net.Conn, args []string, value []byte) (answer string, open bool) {
	var fault Fault
	if s.Fault != nil {
		command := Command{Verb: args[0]}
		if len(args) > 1 {
			command.Key = args[1]
		}
		fault = s.Fault(command)
	}
	_ = clockwork.Sleep(s.closed, s.clock, fault.Takes)
	switch {
	case !s.goesOn() || fault.Loses:
		return "", false
	case fault.Says != "":
		return fault.Says, true
	case fault.Hangs && !fault.LosesAnswer:
	default:
		answer = s.execute(args, value)
	}
	if fault.Hangs {
		// Until it is closed, at one end or the other.
		_, _ = c.Read(make([]byte, 1))
		return "", false
	}
	return answer, !fault.LosesAnswer
}

func (s *Server) execute(args []string, value []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch verb, rest := args[0], args[1:]; {
	case verb == "gets" || verb == "get":
		return s.get(rest)
	case verb == "set" || verb == "add" || verb == "replace" || verb == "cas":
		return s.store(verb, rest, value)
	case verb == "touch" && len(rest) == 2:
		return s.touch(rest[0], rest[1])
	case (verb == "incr" || verb == "decr") && len(rest) == 2:
		return s.count(verb, rest[0], rest[1])
	case verb == "delete" && len(rest) == 1:
		if s.lookup(rest[0]) == nil {
			return "NOT_FOUND\r\n"
		}
		delete(s.items, rest[0])
		return "DELETED\r\n"
	case verb == "flush_all":
		s.items = map[string]*entry{}
		return "OK\r\n"
	case verb == "version":
		return "VERSION 1.6.0 in memory\r\n"
	}
	return "ERROR\r\n"
}

func (s *Server) get(keys []string) string {
	var answer strings.Builder
	for _, key := range keys {
		if e := s.lookup(key); e != nil {
			fmt.Fprintf(&answer, "VALUE %s %d %d %d\r\n%s\r\n", key, e.flags, len(e.value), e.cas, e.value)
		}
	}
	return answer.String() + "END\r\n"
}

func (s *Server) store(verb string, args []string, value []byte) string {
	flags, err1 := strconv.ParseUint(args[1], 10, 32)
	ttl, err2 := strconv.ParseInt(args[2], 10, 64)
	if err1 != nil || err2 != nil {
		return "CLIENT_ERROR bad command line format\r\n"
	}
	there := s.lookup(args[0])
	switch {
	case verb == "add" && there != nil, verb == "replace" && there == nil:
		return "NOT_STORED\r\n"
	case verb == "cas" && there == nil:
		return "NOT_FOUND\r\n"
	case verb == "cas":
		if cas, err := strconv.ParseUint(args[len(args)-1], 10, 64); err != nil || len(args) != 5 || cas != there.cas {
			return "EXISTS\r\n"
		}
	}
	s.put(args[0], value, uint32(flags), s.ends(ttl))
	return "STORED\r\n"
}

func (s *Server) touch(key, ttl string) string {
	e := s.lookup(key)
	seconds, err := strconv.ParseInt(ttl, 10, 64)
	switch {
	case err != nil:
		return "CLIENT_ERROR invalid exptime argument\r\n"
	case e == nil:
		return "NOT_FOUND\r\n"
	}
	e.ends = s.ends(seconds)
	return "TOUCHED\r\n"
}

func (s *Server) count(verb, key, by string) string {
	delta, err := strconv.ParseUint(by, 10, 64)
	if err != nil {
		return "CLIENT_ERROR invalid numeric delta argument\r\n"
	}
	e := s.lookup(key)
	if e == nil {
		return "NOT_FOUND\r\n"
	}
	n, err := strconv.ParseUint(strings.TrimRight(string(e.value), " "), 10, 64)
	if err != nil {
		return "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
	}
	if verb == "incr" {
		n += delta
	} else {
		n -= min(n, delta)
	}
	text := strconv.FormatUint(n, 10)
	// A number that has become shorter is followed by blanks.
	s.put(key, fmt.Appendf(nil, "%-*s", len(e.value), text), e.flags, e.ends)
	return text + "\r\n"
}
