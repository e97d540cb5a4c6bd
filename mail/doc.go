// Package mail delivers the mails by which a daemon calls for help.
//
// A [Sender] does one thing: it sends a [Message], and returns when the next
// hop has taken responsibility for it, or says why it did not. What a sender
// promises beside that:
//
//   - A mail that the server took is never reported as failed, even when the
//     connection breaks right after it.
//   - Nothing that a log line or an error text contains can forge a header or
//     add a recipient: [Message.Clean].
//   - [Temporary] tells a failure that time may cure from one for good.
//   - No error and no String shows a password.
//   - Send never outlives its context.
//
// # Transports
//
// [SMTP] hands the mail to a server, by a URL:
//
//	smtp://localhost                            the machine's own mail server, port 25
//	smtp://user:password@mail.example.com:587   with a login; the server must then prove who it is
//	smtps://user:password@mail.example.com      TLS from the first byte, port 465
//	smtp://mail.example.com?tls=required        no delivery without a trusted certificate
//
// Its options, after a question mark: tls is opportunistic (the default),
// required or none; from is the sender's address; timeout bounds one delivery.
//
// [Writer] prints mails for people to read, while a daemon is being developed.
// [Parse] makes a sender of a URL that a user gave on the command line.
//
// Every sender passes the suite in mail/mailtest, which has a real SMTP server
// for tests, too: one that can refuse, stall and hang up.
package mail
