package logfile_test

import (
	"testing"
	"time"

	"github.com/evertick/evertick/logfile"
)

func TestNames(t *testing.T) {
	east := time.FixedZone("", 9*60*60)
	for _, c := range []struct {
		name logfile.Name
		wall time.Time
		want string
	}{
		{logfile.Fixed("logs/p.log"), begin, "logs/p.log"},
		{logfile.Daily("/var/log/poller"), begin, "/var/log/poller/2026-11-23.log"},
		{logfile.Daily("/var/log/poller/"), time.Date(2026, 1, 2, 23, 59, 59, 0, time.UTC), "/var/log/poller/2026-01-02.log"},
		{logfile.Daily("logs"), time.Date(2026, 1, 2, 23, 0, 0, 0, time.UTC).In(east), "logs/2026-01-03.log"},
	} {
		if got := c.name(c.wall); got != c.want {
			t.Errorf("at %v: got %q, want %q", c.wall, got, c.want)
		}
	}
}
