// Package mail delivers the mails by which a daemon calls for help.
//
// A [Sender] does one thing: it sends a [Message], and returns when the next
// hop has taken responsibility for it, or says why it did not. Every sender
// promises:
//
//   - A mail that the server took is never reported as failed, even when the
//     connection breaks right after it.
//   - Nothing that a log line or an error text contains can forge a header or
//     add a recipient: [Message.Clean].
//   - [Temporary] tells a failure that time may cure from a permanent one.
//   - No error and no String shows a password.
//   - Send never outlives its context.
//
// # Transports
//
// [Parse] makes a sender of a URL that a user gave on the command line. The
// transports that it knows are, as in database/sql, those that the program
// imports, so that a daemon links no protocol that it does not use:
//
//	import _ "github.com/evertick/evertick/mail/smtp" // smtp: and smtps:
//
// The URLs stdout: and stderr: need no import: [Writer] prints mails for people
// to read, while a daemon is being developed.
//
// # A transport of your own
//
// Implement [Sender], and [Register] a URL scheme for it. [Message.Clean],
// [Permanent] and [OneLine] do what every transport must do.
// The suite in mail/mailtest tests the promises above.
package mail
