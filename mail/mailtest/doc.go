// Package mailtest tests senders of mail.
//
// [Run] is the suite that every mail.Sender passes: the real ones, and the
// fake by which daemontest captures a daemon's alerts.
//
// A [Server] is a real SMTP server on a free loopback port, within the test's
// own process. It speaks TLS and asks for a login when told to, and it can
// misbehave as real servers do: see [Behaviour].
//
//	server := mailtest.Serve(t, mailtest.Config{})
//	server.Behave(mailtest.Behaviour{Code: 451})
//	err := smtp.Server(server.URL()).Send(ctx, message) // a temporary failure
package mailtest
