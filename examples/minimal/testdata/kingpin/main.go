// Command kingpin is hello with a command line.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
)

func main() {
	app := kingpin.New("kingpin", "A command line and nothing else.")
	app.Flag("verbose", "Show the log.").Short('v').Bool()
	kingpin.MustParse(app.Parse(os.Args[1:]))

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	fmt.Println("beat 1")
	<-stop
}
