//go:build !linux

package signals

// termAction does nothing here: SIGTERM's default is the Go runtime's own.
type termAction struct{}

func (*termAction) setDefault() {}
func (*termAction) restore()    {}
