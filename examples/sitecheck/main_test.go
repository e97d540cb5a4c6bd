package main

import (
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/mail"
)

func TestSitecheckMailsWhenTheSiteGoesAndComes(t *testing.T) {
	var network daemontest.Network
	network.Handle("example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	declare := func(extra ...core.Option) *core.Daemon { return declare(network.Client().Transport, extra...) }
	daemontest.Run(t, declare, daemontest.Scenario{
		Args: "-d -p sitecheck.pid --url https://example.com/", Network: &network,
		Options: []core.Option{core.WithAlerts(mail.Writer(os.Stdout), "ops@example.com")},
		Steps: daemontest.Steps{
			daemontest.At(90*time.Second, daemontest.HostRefuses("example.com", true)),
			daemontest.At(270*time.Second, daemontest.HostRefuses("example.com", false)),
			daemontest.At(10*time.Minute, daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Failures(0), daemontest.Mails(2), daemontest.MailContains("example.com/ is away"),
			daemontest.MailContains("example.com/ is back"), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}
