// Package ini gives a daemon a configuration file in the INI format, and tells
// its owner, with the line, what is wrong with it.
//
//	timeout := ini.Key("api.timeout", 5*time.Second)
//	url := ini.Key("api.url", "").Required()
//	core.WithPlugins(ini.File("poller.ini", ini.Require("api"), timeout, url))
//
// The file of this daemon:
//
//	[api]
//	url = https://api.example.com/rates
//	timeout = 2s                          # 5s without this line
//
// # What it promises
//
//   - All that is wrong is told together, before anything is touched: what
//     cannot be read, what is missing, has another type, is not known or is
//     there twice. Each error has the file, the line and what to write instead;
//     for a name that is not known, the one that may have been meant.
//   - A SIGHUP makes the daemon read the file again, as it restarts in place. A
//     new file with an error refuses the restart, and the daemon goes on with
//     what it has read.
//   - The file is read once in each program, and is never written.
//   - No error shows the value of a secret: of a key that [Value.Secret] names,
//     or whose name has password, token, secret or the like in it.
//
// # What a file may hold
//
// What is declared: the keys ([Key]), sections that share a form ([Sections]),
// and sections that may hold anything ([Require], [Allow]). Names are told apart
// by case. A relative path of the file is from the folder in which the daemon was
// started.
//
// Lines are "[section]", "key = value", or comments after # or ; at the start of
// a line, or after a space behind a value. A value ends with its line. Quotes
// around it ("…" or '…') keep its spaces, and `…` keeps # and ; as well. Nothing in it has a
// special meaning, neither a backslash nor a percent sign. The text is UTF-8, with
// or without a byte-order mark, lines end in LF or CRLF, and a file has at most
// 1 MB.
//
// # Where a value comes from
//
// For a key that [Key] declares, a variable of the environment comes before the
// file: POLLER_API_TIMEOUT for the key timeout in [api] of the daemon poller. An
// empty variable counts as none. The flag --ini FILE names another file.
//
// The section [daemon] has values for the flags of [core.StandardFlags], by their
// names: every = 5s. There the command line comes first, then the environment, then
// the file, then what the program declares.
//
// The dump says of each value where it came from, and shows no secret. -i prints
// what the file may hold, and --check what is wrong with it.
//
// # Reading a value
//
// [Value.Get] returns what counts; the functions that are given to core.Configure
// may call it. [Value.Set] overrides it at run time and leaves the file alone.
// Declare keys in the function that
// declares the daemon: each daemon needs its own.
package ini
