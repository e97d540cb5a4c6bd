package sendmail_test

import (
	"fmt"

	"github.com/evertick/evertick/mail/sendmail"
)

// Any program that reads a message will do.
func ExampleCommand() {
	sender := sendmail.Command("/bin/cat")
	fmt.Println(sender, sender.Check())
	// Output: the program /bin/cat <nil>
}
