package core

import (
	"context"

	"github.com/evertick/evertick/mail"
)

// alertQueue is mail.Queue as a daemon uses it. Only WithAlerts names that, so
// that a daemon without alerts does not link it.
type alertQueue interface {
	Alert(a mail.Alert)
	Note(kind, text string)
	Digest()
	UseSpool()
	Flush(ctx context.Context) (waiting, stored int)
	Settle(ctx context.Context) (waiting, stored int)
	Freeze() []byte
	Resume()
	Check() error
	Status() mail.Status
	Restore(state []byte) error
	Close()
}

var _ alertQueue = noAlerts{}

// noAlerts is the queue of a daemon without alerts.
type noAlerts struct{}

func (noAlerts) Alert(mail.Alert)                             {}
func (noAlerts) Note(string, string)                          {}
func (noAlerts) Digest()                                      {}
func (noAlerts) UseSpool()                                    {}
func (noAlerts) Flush(context.Context) (waiting, stored int)  { return 0, 0 }
func (noAlerts) Settle(context.Context) (waiting, stored int) { return 0, 0 }
func (noAlerts) Freeze() []byte                               { return nil }
func (noAlerts) Check() error                                 { return nil }
func (noAlerts) Status() mail.Status                          { return mail.Status{} }
func (noAlerts) Resume()                                      {}
func (noAlerts) Restore([]byte) error                         { return nil }
func (noAlerts) Close()                                       {}
