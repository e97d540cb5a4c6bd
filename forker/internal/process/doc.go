// Package process holds on to another process: a [Handle] never comes to stand
// for a later process under the same number.
//
// On Linux it is a pidfd, which needs Linux 5.4 or later. On darwin and freebsd
// a kqueue reports the end of the process, and that is looked for before a
// signal is sent: the number cannot have become another's, but for the instant
// between looking and sending.
package process
