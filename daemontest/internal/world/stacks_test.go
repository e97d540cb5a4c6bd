package world

import (
	"slices"
	"testing"
)

// someStacks is a dump as runtime.Stack writes it.
const someStacks = `goroutine 1 [running]:
main.main()
	/src/main.go:3 +0x1d

goroutine 7 [synctest.Run (durable), synctest bubble 4]:
internal/synctest.Run(0xc00011a000)
	/go/src/runtime/synctest.go:251 +0x1e4
created by testing.(*T).Run in goroutine 1
	/go/src/testing/testing.go:2000 +0x1

goroutine 8 [IO wait, 2 minutes, locked to thread, synctest bubble 4]:
internal/poll.runtime_pollWait(0x7f, 0x72)
	/go/src/runtime/netpoll.go:351 +0x85
net.(*conn).Read(0xc000112000, {0xc000212000?, 0x1?, 0x1?})
	/go/src/net/net.go:196 +0x45
example.com/poller.(*client).fetch(...)
	/src/poller/client.go:34
created by example.com/poller.New in goroutine 7
	/src/poller/poller.go:12 +0x20

goroutine 9 [sleep (durable), synctest bubble 4]:
time.Sleep(0x3b9aca00)
	/go/src/runtime/time.go:363 +0x165

goroutine 10 [runnable, synctest bubble 41]:
main.loop()
	/src/main.go:9 +0x1d
`

func TestStacksAreParsed(t *testing.T) {
	defer func(before string) { goroot = before }(goroot)
	goroot = "/go/src/"
	s := parse(someStacks, "synctest bubble 4")
	if s.idle || len(s.busy) != 1 || len(s.durable) != 1 {
		t.Fatalf("want one that is busy and one that sleeps, got %+v", s)
	}
	g, sleeper := s.busy[0], s.durable[0]
	if g.id != "8" || g.state != "IO wait" || sleeper.state != "sleep" || !g.ofUser() || sleeper.ofUser() {
		t.Errorf("got %+v and %+v", g, sleeper)
	}
	frames := []frame{
		{"internal/poll.runtime_pollWait", "/go/src/runtime/netpoll.go:351", false},
		{"net.(*conn).Read", "/go/src/net/net.go:196", false},
		{"example.com/poller.(*client).fetch", "/src/poller/client.go:34", false},
		{"example.com/poller.New", "/src/poller/poller.go:12", true},
	}
	if got := g.frames(); !slices.Equal(got, frames) {
		t.Errorf("want frames %v, got %v", frames, got)
	}
	if causeOf(g) != socket {
		t.Errorf("the cause is %q", causeOf(g))
	}
	for g, want := range map[*goroutine]string{
		&g: "goroutine 8 [IO wait] in net.(*conn).Read:\n\texample.com/poller.(*client).fetch\n\t\t/src/poller/client.go:34\n" +
			"\tcreated by example.com/poller.New\n\t\t/src/poller/poller.go:12",
		&sleeper: "goroutine 9 [sleep]:\n\ttime.Sleep\n\t\t/go/src/runtime/time.go:363",
	} {
		if got := g.String(); got != want {
			t.Errorf("want %s\ngot  %s", want, got)
		}
	}
}

// A bubble's clock moves when all wait durably, or when its own goroutine is
// awake.
func TestAMovingClockIsSeen(t *testing.T) {
	const clock, other = "internal/synctest.Run(0xc0)\n\t/go/src/runtime/synctest.go:251", "main.loop()\n\t/src/main.go:9"
	for _, c := range []struct {
		clock, other string
		idle         bool
	}{
		{"synctest.Run (durable)", "runnable", false},
		{"synctest.Run (durable)", "sleep (durable)", true},
		{"runnable", "sleep (durable)", true},
		{"running", "runnable", true},
	} {
		s := parse("goroutine 1 ["+c.clock+", synctest bubble 1]:\n"+clock+"\n\ngoroutine 2 ["+c.other+", synctest bubble 1]:\n"+other+"\n", "synctest bubble 1")
		if s.idle != c.idle {
			t.Errorf("%s and %s: want idle %t", c.clock, c.other, c.idle)
		}
	}
}
