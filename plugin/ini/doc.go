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
// # Reading a value
//
// [Value.Get] returns what the file says, or the default. [Value.Set] overrides it
// at run time and leaves the file alone. Declare keys in the function that
// declares the daemon: each daemon needs its own.
package ini
