package rules_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each cell of the tables in docs/children.md that say what becomes of calls and
// tasks names a test that there is, and a case of it by the text of that.
func TestTheTablesOfChildrenNameTheirTests(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "children.md"))
	require.NoError(t, err)
	var tests string
	for _, folder := range []string{"core", "forker", "examples/drill"} {
		files, err := filepath.Glob(filepath.Join("..", "..", folder, "*_test.go"))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			tests += string(text)
		}
	}
	cells := 0
	for _, section := range []string{"## What becomes of calls\n", "## At a restart\n"} {
		_, text, found := strings.Cut(string(page), section)
		require.True(t, found, section)
		text, _, _ = strings.Cut(text, "\n## ")
		rows := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return !strings.HasPrefix(line, "| ") })
		last := ""
		for _, row := range rows[2:] {
			for _, cell := range strings.Split(strings.Trim(row, "| "), " | ")[1:] {
				if cell == "–" {
					continue
				}
				cells++
				named := regexp.MustCompile("`(Test\\w+|…)(?:/([^`]+))?`").FindAllStringSubmatch(cell, -1)
				require.NotEmpty(t, named, "no test is named in: %s", cell)
				for _, name := range named {
					if name[1] != "…" {
						last = name[1]
					}
					require.Contains(t, tests, "func "+last+"(t *testing.T)", cell)
					require.Contains(t, tests, `"`+name[2]+`"`, cell)
				}
			}
		}
	}
	require.Greater(t, cells, 20)
}
