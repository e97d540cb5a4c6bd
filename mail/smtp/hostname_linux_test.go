package smtp_test

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/mail/mailtest"
	"github.com/evertick/evertick/mail/smtp"
)

// Without a name in the kernel and without /proc, os.Hostname fails.
func TestRelayWithoutAHostname(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{})
	ctx, empty := bounded(t), t.TempDir()
	var skipped, err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if skipped = withoutHostname(empty); skipped == nil {
			err = smtp.Server(server.URL()).Send(ctx, alert)
		}
	}()
	<-done
	if skipped != nil {
		t.Skip("needs root: ", skipped)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := server.Received(); len(got) != 1 || got[0].From != "evertick@localhost" {
		t.Errorf("the server took %+v", got)
	}
	if !strings.Contains(server.Raw()[0], "@localhost>\r\n") {
		t.Errorf("the Message-ID has another host:\n%s", server.Raw()[0])
	}
}

// withoutHostname takes the machine's name from this thread, for good.
func withoutHostname(root string) error {
	if err := unix.Unshare(unix.CLONE_NEWUTS | unix.CLONE_FS); err != nil {
		return err
	}
	if err := unix.Sethostname(nil); err != nil {
		return err
	}
	if err := unix.Chroot(root); err != nil {
		return err
	}
	if name, err := os.Hostname(); err == nil {
		panic("the machine is still called " + name)
	}
	return nil
}
