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
//	import _ "github.com/evertick/evertick/mail/smtp"     // smtp: and smtps:
//	import _ "github.com/evertick/evertick/mail/sendmail" // sendmail: and command:
//	import _ "github.com/evertick/evertick/mail/webhook"  // webhook+https: and webhook+http:
//
// Several URLs with spaces between them are a [Tee], which sends by all of them: in a
// queue each delivers each mail once, whatever becomes of the others.
//
// The URLs stdout: and stderr: need no import: [Writer] prints mails for people
// to read, while a daemon is being developed.
//
// # The queue
//
// A [Queue] delivers beside those who put mails in, one after the other. What it
// promises:
//
//   - [Queue.Put] neither blocks nor fails.
//   - A mail is tried until it is delivered or older than 24 h; then the log has
//     it in full. While the transport is away the pauses grow from 5 s to 5 min.
//   - A mail has one Message-ID from Put on, over every attempt and restart. It is
//     sent twice only where the server took it and could not say so, or the
//     process was killed in that instant.
//   - With a spool, a mail is on disk within a second, one file a mail, and is
//     delivered by the next process, also after SIGKILL.
//   - At most 1,000 mails or 10 MB wait; beyond that the oldest are counted in a
//     digest, and logged.
//   - A spool that is full, unwritable, somebody else's or holds garbage is logged,
//     and is never an error to those who put mails in.
//
// A spool is one folder for one process, which is locked: see [Queue.UseSpool].
//
// # A transport of your own
//
// Implement [Sender], and [Register] a URL scheme for it. [Message.Clean],
// [Permanent] and [OneLine] do what every transport must do.
// The suite in mail/mailtest tests the promises above.
package mail
