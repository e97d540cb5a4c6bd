package nearest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/evertick/evertick/internal/nearest"
)

func TestNearest(t *testing.T) {
	flags := []string{"every", "verbose", "version", "log", "lock", "to"}
	for text, want := range map[string]string{
		"evry": "every", "evrey": "every", "EVERY": "every", "verbos": "verbose", "versoin": "version",
		"lok": "log", "lcok": "lock", "t": "to", "xyzzy": "", "": "", "everything": "",
	} {
		assert.Equal(t, want, nearest.Of(text, flags), text)
	}
	assert.Empty(t, nearest.Of("every", nil))
}
