package smtp_test

import (
	"fmt"

	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/smtp"
)

// The address of a server from the command line is refused before anything
// starts.
func Example() {
	sender, err := mail.Parse("smtps://poller:s3cr3t@mail.example.com")
	fmt.Println(sender, err)

	_, err = mail.Parse("smtp://poller:s3cr3t@mail.example.com?tls=none")
	fmt.Println(err)
	// Output:
	// smtps://mail.example.com:465 <nil>
	// mail: tls=none would send the password to mail.example.com in plain text; use tls=required or smtps://
}

// A server that is fixed in the program needs no detour over mail.Parse.
func ExampleServer() {
	relay := smtp.Server("smtp://localhost?from=poller@example.com")
	fmt.Println(relay, relay.Check())
	// Output: smtp://localhost:25 <nil>
}
