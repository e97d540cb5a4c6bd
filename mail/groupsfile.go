package mail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// groupsPause is the least time between two writes of what is known of the kinds.
const groupsPause = time.Second

// writeGroups writes what is known of the kinds; nothing is no file.
func (s *spool) writeGroups(all []group) error {
	if len(all) == 0 {
		if s.root == nil {
			return nil
		}
		return s.remove(groupsName)
	}
	data, err := json.Marshal(all)
	if err != nil { // a time beyond the year 9999
		return s.remove(groupsName)
	}
	return s.write(groupsName, data)
}

// readGroups reads it. What cannot be read is kept aside: then the kinds are new.
func (s *spool) readGroups(job *spoolJob) []*group {
	data, err := s.read(groupsName)
	var all []*group
	if err == nil {
		all, err = parseGroups(data)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return all
	}
	job.lines = append(job.lines, fmt.Sprintf("Warning: %s/%s cannot be read: %v. It is kept as %[2]s%[4]s", s.dir, groupsName, err, badSuffix))
	if err := s.keepAside(groupsName); err != nil {
		job.lines = append(job.lines, fmt.Sprintf("Warning: %s/%s cannot be renamed: %v", s.dir, groupsName, err))
	}
	return nil
}

// parseGroups reads the text of the file.
func parseGroups(data []byte) ([]*group, error) {
	var all []*group
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	for _, g := range all {
		switch {
		case g == nil || g.Kind == "":
			return nil, errors.New("a kind has no name")
		case g.Total < 0 || g.Pending < 0 || g.Reminders < 0 || len(g.Samples) > 2*maxSamples:
			return nil, errors.New("a count makes no sense")
		}
		if g.Thread = messageID(g.Thread); len(g.Samples) > 0 {
			for i, text := range g.Samples {
				g.Samples[i] = OneLine(text, maxSample)
			}
		}
		g.Title, g.Reminders = OneLine(g.Title, maxTitle), min(g.Reminders, 20)
	}
	return all, nil
}
