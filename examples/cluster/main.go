// Command cluster is a daemon to copy for several machines of which one may work:
// the others stand by, and one of them takes over. It writes down what it executes,
// with the lock's token, which is what a store would refuse late writes by.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
	_ "github.com/evertick/evertick/lock/etcdlock"      // --lock etcd://…
	_ "github.com/evertick/evertick/lock/memcachedlock" // --lock memcached://…
	"github.com/evertick/evertick/logfile"
)

func main() { New().Main() }

// New declares the daemon. A test adds its options.
func New(extra ...core.Option) *core.Daemon {
	var every time.Duration
	var lockURL, logPath, witness string
	return core.New("cluster", append([]core.Option{
		core.Flags(func(app *kingpin.Application) {
			app.Flag("every", "Interval.").Default("1s").DurationVar(&every)
			app.Flag("lock", "Lock that the machines share: etcd://HOST:PORT[,HOST:PORT]/KEY?ttl=5s or memcached://HOST:PORT/KEY.").
				Required().StringVar(&lockURL)
			app.Flag("log", "Log file.").Default(core.RuntimePath("cluster.log")).StringVar(&logPath)
			app.Flag("witness", "Append PID, lock token and CLOCK_BOOTTIME in ns at the start and end of each execute to FILE.").
				PlaceHolder("FILE").StringVar(&witness)
		}),
		core.Configure(func(*core.Daemon) ([]core.Option, error) {
			shared, err := lock.Parse(lockURL)
			return []core.Option{
				core.FromFlag("--every", core.Every(every)),
				core.WithLock(shared),
				core.WithLog(logfile.Fixed(logPath)),
			}, err
		}),
		core.CheckEnvironment(func(_ context.Context, d *core.Daemon) error {
			return checkWitness(d, witness)
		}),
		core.Standby(),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			start := d.Clock().Boot()
			d.Logf("beat %d under token %d", d.Iteration(), d.Lease().Token)
			return testify(d, witness, start)
		}),
	}, extra...)...)
}

// testify appends one line to the witness file, in one write.
func testify(d *core.Daemon, witness string, start time.Duration) error {
	if witness == "" {
		return nil
	}
	f, err := os.OpenFile(d.Path(witness), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	_, err = fmt.Fprintf(f, "%d %d %d %d\n", os.Getpid(), d.Lease().Token, start, d.Clock().Boot())
	return errors.Join(err, f.Close())
}

// line is what testify writes.
var line = regexp.MustCompile(`^\d+ \d+ \d+ \d+\n`)

// checkWitness refuses a file that holds something else.
func checkWitness(d *core.Daemon, witness string) error {
	if witness == "" {
		return nil
	}
	switch info, err := os.Stat(d.Path(witness)); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("--witness: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("--witness %s is no file: give one", witness)
	}
	text, err := os.ReadFile(d.Path(witness))
	if err == nil && len(text) > 0 && !line.Match(text) {
		err = fmt.Errorf("%s holds something else than executes: name another file, or remove it", witness)
	}
	if err != nil {
		return fmt.Errorf("--witness: %w", err)
	}
	return nil
}
