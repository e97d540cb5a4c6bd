// Package network is a network in memory, for a synctest bubble: real sockets
// stop a bubble's clock. Package world gives one to each play.
//
// The files, from low to high; each uses only those above it in this list.
//
//   - faults: what is wrong with a host. transit: what is on its way to one end
//     of a connection, and when it arrives. deadline, end: that end, a net.Conn.
//   - owner: connections that end with a process. host: what serves at a name.
//   - network: the hosts and all connections; Dial. fault: changes of what is
//     wrong. transport: requests over connections that are kept alive.
//
// # What it is like
//
// Connections behave as TCP on Linux does, where a program can tell: writes
// return at once until 64 KiB are on their way, both ends close by themselves,
// unread data turns a close into a reset, and errors are those of package net.
// Each message takes 10 µs.
//
// # Always the same
//
// What is sent never arrives at the instant at which its sender acts: Config.Until
// tells when it does, by connection and direction, so that two connections never
// wake somebody at one instant. Connections are numbered in the order in which
// they were dialled.
//
// One mutex guards a network and all of its connections. It is held for instants
// only. Nothing is left when a network has been closed: it has no goroutines but
// those of its servers, and one for each connection that has an owner.
package network
