// Package rules holds the house together: its tests read the source of every
// package and fail where a rule of the house is broken.
//
//   - An import goes down the list of rooms, never up.
//   - A module of somebody else is imported by the one room that needs it.
//   - In core, only host.go reaches the outside world.
//   - Every exported name says what it is for.
//   - Every room has a tour in doc.go, and an example that runs.
//   - A file has at most 400 lines of code, a function 60.
//
// Beside each rule stands a test that shows that it can fail.
package rules
