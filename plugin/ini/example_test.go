package ini_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/plugin/ini"
)

func Example() {
	dir, err := os.MkdirTemp("", "ini")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "poller.ini")
	err = os.WriteFile(path, []byte("[api]\nurl = https://api.example.com/rates\n"), 0o600)
	if err != nil {
		fmt.Println(err)
		return
	}

	url := ini.Key("api.url", "").Required()
	timeout := ini.Key("api.timeout", 5*time.Second)
	d := core.New("poller",
		core.WithHost(host.Real()), // a test binary must say that it means the real machine
		core.Every(time.Second),
		core.WithLog(logfile.Fixed(filepath.Join(dir, "poller.log"))),
		core.WithPlugins(ini.File(path, ini.Require("api"), url, timeout)),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			fmt.Printf("%s within %s (%s)\n", url.Get(), timeout.Get(), timeout.Origin())
			d.Stop("it was asked once")
			return nil
		}),
	)
	fmt.Println("exit status", d.Run(context.Background()))
	// Output:
	// https://api.example.com/rates within 5s (default)
	// exit status 0
}
