package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// event is one of the API's. The token says where to go on after it.
type event struct {
	Token string          `json:"token"`
	Data  json.RawMessage `json:"data"`
}

// journal is the file of events, one a line. As each line has its token, an event
// and where to go on are on the disk together, or not at all.
type journal struct {
	file  *os.File
	token atomic.Pointer[string]
}

// open reads where to go on. A line that a crash has left incomplete is cut off.
func (j *journal) open(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	var last event
	if line := bytes.TrimSpace(whole); len(line) > 0 {
		line = line[bytes.LastIndexByte(line, '\n')+1:]
		if err := json.Unmarshal(line, &last); err != nil || last.Token == "" {
			return fmt.Errorf("%s: the last line is no event: is it the right file? Repair it, or move it away to begin again", path)
		}
	}
	if len(whole) == 0 && len(text) > 0 && text[0] != '{' {
		return fmt.Errorf("%s: it holds no events: is it the right file? Name another one, or move it away", path)
	}
	if err := file.Truncate(int64(len(whole))); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	j.file = file
	j.token.Store(&last.Token)
	return nil
}

// add appends events, in one write that reaches the disk.
func (j *journal) add(events []event) error {
	if len(events) == 0 {
		return nil
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, e := range events {
		if err := encoder.Encode(e); err != nil {
			return err
		}
	}
	size, err := j.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err = j.file.Write(lines.Bytes()); err == nil {
		err = j.file.Sync()
	}
	if err != nil { // what may be there in part is asked for again
		return errors.Join(err, j.file.Truncate(size))
	}
	j.token.Store(&events[len(events)-1].Token)
	return nil
}

// latest returns the token of the last event; empty before the first one.
func (j *journal) latest() string {
	if token := j.token.Load(); token != nil {
		return *token
	}
	return ""
}
