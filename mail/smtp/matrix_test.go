package smtp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/smtp"
)

// The steps of a conversation, and what goes wrong there.
var (
	steps  = []string{"greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "end of data", "QUIT"}
	faults = []string{"4xx", "5xx", "dropped", "silent"}
)

// brokenServer is an SMTP server in memory of which one step is out of order for
// the first conversations.
type brokenServer struct {
	step, fault string

	mu       sync.Mutex
	broken   int // conversations that are still to go wrong
	received []string
}

func (s *brokenServer) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	s.mu.Lock()
	s.broken--
	broken := s.broken >= 0
	s.mu.Unlock()
	go s.serve(server, broken)
	return client, nil
}

// serve holds one conversation.
func (s *brokenServer) serve(conn net.Conn, broken bool) {
	defer conn.Close()
	lines := bufio.NewReader(conn)
	// at replies at a step, and reports whether the conversation goes on.
	at := func(step, reply string) (ok, goesOn bool) {
		if broken && step == s.step {
			switch s.fault {
			case "4xx":
				reply, ok = "451 4.0.0 later\r\n", false
			case "5xx":
				reply, ok = "554 5.0.0 no\r\n", false
			case "silent":
				_, _ = io.Copy(io.Discard, lines)
				return false, false
			default:
				return false, false
			}
		} else {
			ok = true
		}
		_, err := io.WriteString(conn, reply)
		return ok, err == nil
	}
	if _, goesOn := at("greeting", "220 test\r\n"); !goesOn {
		return
	}
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.TrimSpace(strings.ToUpper(line)), " ")
		reply, step := "250 ok\r\n", verb
		switch verb {
		case "EHLO", "HELO":
			reply, step = "250-test\r\n250 AUTH PLAIN\r\n", "EHLO"
		case "AUTH":
			reply = "235 ok\r\n"
		case "DATA":
			reply = "354 go on\r\n"
		case "QUIT":
			reply = "221 bye\r\n"
		}
		ok, goesOn := at(step, reply)
		if !goesOn || verb == "QUIT" {
			return
		}
		if verb == "DATA" && ok {
			if !s.takes(lines, at) {
				return
			}
		}
	}
}

// takes reads a mail, and reports whether the conversation goes on.
func (s *brokenServer) takes(lines *bufio.Reader, at func(step, reply string) (ok, goesOn bool)) bool {
	id := ""
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return false
		}
		if rest, is := strings.CutPrefix(line, "Message-ID: "); is {
			id = strings.TrimSpace(rest)
		}
		if line == ".\r\n" {
			break
		}
	}
	ok, goesOn := at("end of data", "250 taken\r\n")
	if ok {
		s.mu.Lock()
		s.received = append(s.received, id)
		s.mu.Unlock()
	}
	return goesOn
}

// Whatever goes wrong at whichever step, the queue delivers the mail once: it tries
// again what the server did not take, and nothing else. 8 steps by 4 faults, with
// and without a spool: 64 cases.
func TestEveryFaultAtEveryStep(t *testing.T) {
	for _, step := range steps {
		for _, fault := range faults {
			for _, spool := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/spool %v", step, fault, spool), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { playFault(t, &brokenServer{step: step, fault: fault, broken: 2}, spool) })
				})
			}
		}
	}
}

func playFault(t *testing.T, s *brokenServer, spool bool) {
	relay := smtp.Server("smtp://poller:secret@localhost")
	relay.Dial = s.dial
	c := mail.QueueConfig{Sender: relay, Name: "poller", Host: "testhost", PID: 1}
	if spool {
		c.Dir = t.TempDir() + "/spool"
	}
	q := mail.NewQueue(c)
	q.UseSpool()
	q.Put(alert)
	time.Sleep(3 * time.Hour)
	waiting, _ := q.Waiting()
	q.Close()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.received) != 1 || waiting != 0 || !strings.HasSuffix(s.received[0], ".1.1@testhost>") {
		t.Errorf("received %q, %d wait", s.received, waiting)
	}
	if conversations := 2 - s.broken; (s.step == "QUIT") != (conversations == 1) {
		t.Errorf("%d conversations", conversations)
	}
}
