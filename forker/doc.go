// Package forker will hold what a daemon's user forks: tasks and pools. What a
// daemon does with its own process is in the packages below it: signals,
// pidfile and reexec.
package forker
