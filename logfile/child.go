package logfile

// PrintAs logs a message under another PID than the daemon's: that of the child
// that it comes from. Otherwise it does what Print does.
func (l *Log) PrintAs(pid int, message string) {
	wall := l.config.Clock.Wall()
	l.mu.Lock()
	l.advance(wall)
	lines := formatter{pid: pid, json: l.lines.json}
	lines.setTime(wall)
	l.buf = lines.append(l.buf[:0], message)
	l.emit(l.buf)
	l.unlock()
	l.observe(pid, message)
}
