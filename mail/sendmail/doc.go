// Package sendmail hands mail to a program of the machine, as most Unix programs
// do. Importing it makes the URL sendmail: known to mail.Parse, which runs
// sendmail -t -i; sendmail:/path/to/program runs that one with the same arguments:
//
//	import _ "github.com/evertick/evertick/mail/sendmail"
//
// [Command] runs any program that reads a message from its standard input, and so
// does the URL command:/path/to/program, without arguments.
//
// A mail counts as delivered when the program has ended with status 0. sendmail's
// own statuses (sysexits.h) tell what may help later from what will not.
package sendmail
