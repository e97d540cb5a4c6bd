// Package rules checks this repository's own rules, as tests over its source:
//
//   - Within core and daemontest, a file uses the files below it in a written
//     order (order_test.go, arrows_test.go).
//   - A module of somebody else is imported by the packages that need it, and
//     brings no others along (modules_test.go).
//   - The minimal daemon links no protocol that it does not speak
//     (links_test.go).
//   - Every package has its tour in doc.go and an example that runs; a file has
//     at most 400 lines of code (packages_test.go).
//   - A listing in the README or in docs is the code that is compiled (readme_test.go).
//
// Beside each rule stands a test that shows that the rule can fail.
//
// What a linter checks is not checked here: the order of packages, calls of the
// real clock, doc comments and the length of functions are in .golangci.yml,
// and `make lint` runs it.
package rules
