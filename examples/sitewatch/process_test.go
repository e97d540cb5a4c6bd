package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/mailtest"
	"github.com/evertick/evertick/mail/webhook"
)

// The test binary becomes the daemon when it is told so.
func TestMain(m *testing.M) {
	if os.Getenv("SITEWATCH_RUNS") != "" {
		New().Main()
	}
	os.Exit(m.Run())
}

// The real daemon sees a real server fail and recover, tells it by mail and by
// webhook, and ends well.
func TestTheProgramSeesAServerFail(t *testing.T) {
	broken := make(chan bool, 1)
	broken <- false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		b := <-broken
		broken <- b
		if b {
			w.WriteHeader(http.StatusBadGateway)
		}
		fmt.Fprint(w, "ok")
	}))
	defer server.Close()
	relay := mailtest.Serve(t, mailtest.Config{})
	posted := make(chan webhook.Body, 1000)
	chat := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var b webhook.Body
		if err == nil && json.Unmarshal(body, &b) == nil && webhook.Verify("k3y", body, r.Header.Get(webhook.SignatureHeader)) {
			posted <- b
		}
	}))
	defer chat.Close()
	dir := t.TempDir()
	text := "[site local]\nurl = " + server.URL + "\n[daemon]\nevery = 20ms\nlog =\nlock = null:\n" +
		"to = ops@example.com\nalerts = " + relay.URL() + " webhook+" + chat.URL + "/T0/p4th#secret=k3y\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sitewatch.ini"), []byte(text), 0o600))

	cmd := exec.Command(os.Args[0])
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "SITEWATCH_RUNS=1")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	tooLate := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer tooLate.Stop()
	said := ""
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		line := lines.Text()
		said += line + "\n"
		switch {
		case strings.Contains(line, "Application Startup"):
			<-broken
			broken <- true
		case strings.Contains(line, "local is down: 502 Bad Gateway"):
			<-broken
			broken <- false
		case strings.Contains(line, "local is up, after it was down for "):
			for down := false; !down; { // a slow machine has overruns told, too
				select {
				case b := <-posted:
					down = strings.HasPrefix(b.Text, "sitewatch Alert: local is down: 502 Bad Gateway")
				case <-time.After(time.Minute):
					require.Fail(t, "the outage was not posted", said)
				}
			}
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		}
	}
	require.NoError(t, cmd.Wait(), said)
	require.NotContains(t, said, "k3y")
	require.NotContains(t, said, "p4th")
	require.True(t, slices.ContainsFunc(relay.Received(), func(m mail.Message) bool {
		return strings.HasPrefix(m.Subject, "sitewatch Alert: local is down: 502 Bad Gateway")
	}), "%v", relay.Received())
	require.Contains(t, said, "Exit status: 0")
	state, err := os.ReadFile(filepath.Join(dir, "sitewatch.json"))
	require.NoError(t, err)
	require.Contains(t, string(state), `"State": "up"`)
}
