package mail_test

import (
	"context"
	"fmt"
	"os"

	"github.com/evertick/evertick/mail"
)

// While a daemon is being developed, its alerts are best seen.
func ExampleWriter() {
	sender := mail.Writer(os.Stdout)
	err := sender.Send(context.Background(), mail.Message{
		From:    "poller@example.com",
		To:      []string{"ops@example.com"},
		Subject: "poller Alert\r\nBcc: mallory@example.com",
		Body:    "Run Loop Taking Too Long. Duration: 1.512s Interval: 1s",
	})
	fmt.Println("error:", err)
	// Output:
	// ------------------------------------------------------------ mail
	// From: poller@example.com
	// To: ops@example.com
	// Subject: poller Alert  Bcc: mallory@example.com
	//
	// Run Loop Taking Too Long. Duration: 1.512s Interval: 1s
	// error: <nil>
}

// An address from the command line is refused before anything starts.
func ExampleParse() {
	sender, err := mail.Parse("stderr:")
	fmt.Println(sender, err)

	_, err = mail.Parse("smtps://poller:s3cr3t@mail.example.com")
	fmt.Println(err)
	// Output:
	// a writer <nil>
	// mail: smtps: needs the import _ "github.com/evertick/evertick/mail/smtp"
}
