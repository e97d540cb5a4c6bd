//go:build linux

package main

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/mailtest"
)

func TestAnOverrunIsMailed(t *testing.T) {
	t.Parallel()
	server := mailtest.Serve(t, mailtest.Config{})
	s := newSite(t)
	pid := s.detach(s.args("--every", "200ms", "--work", "1s", "--alerts", server.URL(), "--to", "ops@example.com")...)
	s.eventually("the mail", func() bool { return len(server.Received()) > 0 })
	require.Zero(t, s.run("-s", "stop", "-p", s.path("pid")).code)
	mails := server.Received()
	require.Equal(t, []string{"ops@example.com"}, mails[0].To)
	require.Regexp(t, `^drill Alert: Run Loop Overdue: Execute #1 is still running after [0-9.]+m?s\. Interval: 200ms$`, mails[0].Subject)
	require.Regexp(t, fmt.Sprintf(`\] %d Application Startup`, pid), mails[0].Body)
	require.Contains(t, mails[0].Body, fmt.Sprintf("PID: %d", pid))
	s.requireEnd(0)
}

func TestAFatalErrorIsMailedBeforeTheEnd(t *testing.T) {
	t.Parallel()
	server := mailtest.Serve(t, mailtest.Config{})
	s := newSite(t)
	p := s.start(s.args("--panic-at", "2", "--alerts", server.URL(), "--to", "a@example.com", "--to", "b@example.com")...)
	require.Equal(t, 1, p.exit())
	s.requireEnd(1)
	mails := server.Received()
	require.Len(t, mails, 1)
	require.ElementsMatch(t, []string{"a@example.com", "b@example.com"}, mails[0].To)
	require.Equal(t, "drill Shutdown", mails[0].Subject)
	require.Contains(t, mails[0].Body, "panic: beat 2 was told to panic")
	require.Contains(t, mails[0].Body, "(*drill).execute")
}

// What was not delivered when the daemon is killed is delivered by the next start.
func TestAlertsOutliveSIGKILL(t *testing.T) {
	t.Parallel()
	server := mailtest.Serve(t, mailtest.Config{})
	server.Behave(mailtest.Behaviour{Code: 451})
	s := newSite(t)
	args := s.args("--unwatched", "--every", "200ms", "--work", "250ms", "--alerts", server.URL(), "--to", "ops@example.com")
	pid := s.detach(args...)
	s.logged("was not delivered", 1)
	s.signal(pid, syscall.SIGKILL)
	server.Behave(mailtest.Behaviour{})
	again := s.detach(args...)
	s.eventually("the mail of the first process", func() bool {
		return slices.ContainsFunc(server.Received(), func(m mail.Message) bool { return strings.Contains(m.Body, fmt.Sprintf("PID: %d\n", pid)) })
	})
	require.Zero(t, s.run("-s", "stop", "-p", s.path("pid")).code)
	ids := map[string]bool{}
	for _, raw := range server.Raw() {
		_, rest, _ := strings.Cut(raw, "Message-ID: ")
		id, _, _ := strings.Cut(rest, "\r\n")
		require.False(t, ids[id], "%s arrived twice", id)
		ids[id] = true
	}
	require.NotEqual(t, pid, again)
}

// Deaths one after the other are one thread of mails over the processes: the first one
// at once, the others counted when the last process ends.
func TestDeathsAreOneThread(t *testing.T) {
	t.Parallel()
	server := mailtest.Serve(t, mailtest.Config{})
	s := newSite(t)
	args := s.args("--unwatched", "--alerts", server.URL(), "--to", "ops@example.com")
	for n := range 5 {
		pid := s.detach(args...)
		s.eventually("the deaths to be counted on disk, and the mail to be delivered", func() bool {
			waiting, _ := filepath.Glob(s.path("log.spool/*.mail"))
			return n == 0 || len(waiting) == 0 && strings.Contains(s.read("log.spool/groups"), fmt.Sprintf(`"Total":%d,`, n))
		})
		s.beatsAs(pid)
		s.signal(pid, syscall.SIGKILL)
		s.gone(pid)
	}
	s.detach(args...)
	s.logged("Died Before", 5)
	s.eventually("the mail", func() bool { return len(server.Raw()) > 0 })
	require.Zero(t, s.run("-s", "stop", "-p", s.path("pid")).code)
	mails := server.Received()
	require.Len(t, mails, 2)
	require.Contains(t, mails[0].Subject, "drill Alert: Died Before: PID ")
	require.Contains(t, mails[1].Subject, "drill Alert: 4 more: Died Before: PID ")
	_, first, _ := strings.Cut(server.Raw()[0], "Message-ID: ")
	first, _, _ = strings.Cut(first, "\r\n")
	require.Contains(t, server.Raw()[1], "References: "+first+"\r\n")
}

// Each of several roads has each mail once: one that fails is logged and tried again by
// itself. --test-alert tells what became of each.
func TestEachRoadHasEachMailOnce(t *testing.T) {
	t.Parallel()
	good, bad := mailtest.Serve(t, mailtest.Config{}), mailtest.Serve(t, mailtest.Config{})
	bad.Behave(mailtest.Behaviour{Code: 451})
	s := newSite(t)
	args := s.args("--alerts", good.URL()+" "+bad.URL(), "--to", "ops@example.com")
	got := s.run(append(args, "--test-alert")...)
	require.Equal(t, 1, got.code)
	require.Equal(t, "drill: the test alert to ops@example.com was delivered to "+good.URL()+"\n", got.out)
	require.Contains(t, got.err, "drill: the test alert to ops@example.com through "+bad.URL()+" was not delivered: ")
	require.Len(t, good.Received(), 1)

	p := s.start(append(args, "--panic-at", "2")...)
	require.Equal(t, 1, p.exit())
	s.logged("was not delivered by "+bad.URL()+": ", 1)
	s.logged("1 alert waits in ", 1)
	require.Len(t, good.Received(), 2)
	bad.Behave(mailtest.Behaviour{})
	pid := s.detach(args...)
	s.eventually("the mail by the other road", func() bool { return len(bad.Received()) == 1 })
	s.logged("Alert mail is delivered again by "+bad.URL()+", after ", 1)
	s.signal(pid, syscall.SIGTERM)
	s.gone(pid)
	require.Len(t, good.Received(), 2)
	require.Equal(t, good.Received()[1].Subject, bad.Received()[0].Subject)
	require.Len(t, bad.Received(), 1)
}

// A mail server that is down, and one that accepts a connection and then says
// nothing, delay neither an iteration nor a restart. The end waits for a while.
func TestADeadMailServerDelaysNothing(t *testing.T) {
	t.Parallel()
	down, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	require.NoError(t, down.Close())
	for name, server := range map[string]net.Addr{"down": down.Addr(), "silent": silent.Addr()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			pid := s.detach(s.args("--every", "100ms", "--work", "120ms", "--alerts", "smtp://"+server.String(), "--to", "ops@example.com")...)
			s.logged("Run Loop Taking Too Long", 5)
			s.beats(5)
			s.signal(pid, syscall.SIGHUP)
			s.logged("Restart: 1 (SIGHUP)", 1)
			s.beats(5)
			dump := s.run("-s", "dump", "-p", s.path("pid"))
			require.Regexp(t, `Alerts waiting: +\d+, in /.*\.spool; the oldest of `, dump.out)
			begun := time.Now()
			require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has stopped\n", pid)}, s.run("-s", "stop", "-p", s.path("pid")))
			require.Less(t, time.Since(begun), 10*time.Second)
			s.requireEnd(0)
			s.requireOneAtATime()
			require.Regexp(t, `was not delivered|alerts? .*wait in`, s.read("log"))
		})
	}
}
