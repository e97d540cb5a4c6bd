package world

import (
	"github.com/evertick/evertick/core/host"
)

// records is the disk as a generation's small files are on it.
type records struct {
	g     *Generation
	files *Files
}

var _ host.Records = records{}

func (r records) Check(path string) error {
	path = r.g.path(path)
	if err := r.files.refusal(path); err != nil {
		return err
	}
	return host.Disk().Check(path)
}

func (r records) Read(path string) ([]byte, error) {
	path = r.g.path(path)
	if err := r.files.refusal(path); err != nil {
		return nil, err
	}
	return host.Disk().Read(path)
}

func (r records) Replace(path string, content []byte) error {
	if !r.g.awake() {
		return r.g.freeze()
	}
	path = r.g.path(path)
	if err := r.files.refusal(path); err != nil {
		return err
	}
	if n, lack := r.files.grant(path, len(content)); n < len(content) {
		return lack
	}
	return host.Disk().Replace(path, content)
}

func (r records) Overwrite(path string, content []byte) error {
	path = r.g.path(path)
	if err := r.files.refusal(path); err != nil || !r.g.alive() {
		return err
	}
	return host.Disk().Overwrite(path, content)
}

func (r records) Remove(path string) error {
	if !r.g.alive() {
		return nil
	}
	return host.Disk().Remove(r.g.path(path))
}

func (r records) Tail(path string, most int64) ([]byte, error) {
	return host.Disk().Tail(r.g.path(path), most)
}
