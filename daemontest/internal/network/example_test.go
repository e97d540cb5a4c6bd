package network_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/evertick/evertick/daemontest/internal/network"
)

// A network has hosts, and a Dial.
func Example() {
	n := network.New(network.Config{
		Hosts: []network.Host{{Name: "mail.example.com", Serve: func(c net.Conn) { fmt.Fprint(c, "220 hello\n") }}},
		Until: func(_ int, _ network.Side, d time.Duration) time.Duration { return d },
	})
	defer n.Close()
	c, err := n.Dial(context.Background(), "tcp", "mail.example.com:25")
	if err != nil {
		fmt.Println(err)
		return
	}
	greeting, err := io.ReadAll(c)
	fmt.Printf("%q %v\n", greeting, err)

	_ = n.Fault("mail.example.com", func(f *network.Faults) { f.Refuses = true })
	_, err = n.Dial(context.Background(), "tcp", "mail.example.com:25")
	fmt.Println(err)
	// Output:
	// "220 hello\n" <nil>
	// dial tcp 198.51.100.1:25: connect: connection refused
}
