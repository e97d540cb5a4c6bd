// Package smtp sends mail through an SMTP server. Importing it makes the URLs
// smtp: and smtps: known to mail.Parse:
//
//	import _ "github.com/evertick/evertick/mail/smtp"
//
// [Server] makes a sender of a URL:
//
//	smtp://localhost                            the machine's own mail server, port 25
//	smtp://user:password@mail.example.com:587   with a login; the server must then prove who it is
//	smtps://user:password@mail.example.com      TLS from the first byte, port 465
//	smtp://mail.example.com                     no delivery without STARTTLS and a trusted certificate
//	smtp://mail.example.com?tls=opportunistic   encrypted if the server can
//
// A [Relay] keeps every promise of mail.Sender. Each mail has a connection of
// its own. The mail is delivered when the server says so, whatever becomes of
// the connection afterwards; where the server refuses some recipients, the
// others get it.
package smtp

import "github.com/evertick/evertick/mail"

func init() {
	for _, scheme := range []string{"smtp", "smtps"} {
		mail.Register(scheme, func(url string) (mail.Sender, error) { return Server(url), nil })
	}
}
