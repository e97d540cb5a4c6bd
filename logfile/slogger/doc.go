// Package slogger lets log/slog write to a daemon's log.
//
//	log := slogger.New(d)
//	log.Warn("slow", "rows", n)
//
// A record takes the log's own form: a line with the daemon's prefix, or an
// object in a JSON log. The other way round, [To] sends the whole log to a
// slog.Handler:
//
//	core.WithLogHandler(slogger.To(slog.NewJSONHandler(os.Stderr, nil)))
//
// It is a package of its own because log/slog weighs more
// than a daemon that does not use it should carry.
package slogger
