// Package host is what a daemon needs of the machine that it runs on.
//
// Package core reaches the world outside through a [Host] alone: a struct of
// small interfaces and functions, each owned by the package that knows the
// subject. [Real] wires the machine itself, in one file; package daemontest
// wires fakes, which is what lets it run the real daemon and not a model of it.
//
//	core.New("poller", core.WithHost(h), …)
//
// [Hooks] are for tests: what a harness puts between the daemon and its parts,
// and what it is told of a daemon's life. They are the zero value in
// production.
package host
