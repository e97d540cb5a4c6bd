package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/core"
)

// picture reads the picture and its description.
func picture(t *testing.T) (dot, svg []byte) {
	dot, err := os.ReadFile("../../../docs/lifecycle.dot")
	require.NoError(t, err)
	svg, err = os.ReadFile("../../../docs/lifecycle.svg")
	require.NoError(t, err)
	return dot, svg
}

func TestThePictureIsFresh(t *testing.T) {
	dot, svg := picture(t)
	require.True(t, bytes.Equal(dot, draw(core.Lifecycle())), "docs/lifecycle.dot is stale: run go generate ./core")
	require.Contains(t, string(svg), fmt.Sprintf("%x", sha256.Sum256(dot)), "docs/lifecycle.svg is stale: run go generate ./core")
}

// shapes are what can be seen of a node or an arrow.
type shapes struct {
	Class string `xml:"class,attr"`
	Texts []struct {
		X    float64 `xml:"x,attr"`
		Y    float64 `xml:"y,attr"`
		Text string  `xml:",chardata"`
	} `xml:"text"`
	Paths []struct {
		D string `xml:"d,attr"`
	} `xml:"path"`
}

type point struct{ x, y float64 }

// curve returns points on a path that Graphviz has written: one Bézier curve
// after the other.
func curve(t *testing.T, d string) (points []point) {
	var at []point
	for _, pair := range regexp.MustCompile(`-?[0-9.]+,-?[0-9.]+`).FindAllString(d, -1) {
		x, y, _ := strings.Cut(pair, ",")
		fx, err := strconv.ParseFloat(x, 64)
		require.NoError(t, err)
		fy, err := strconv.ParseFloat(y, 64)
		require.NoError(t, err)
		at = append(at, point{fx, fy})
	}
	for ; len(at) >= 4; at = at[3:] {
		for i := range 50 {
			u := float64(i) / 50
			v := 1 - u
			mix := func(a, b, c, d float64) float64 { return v*v*v*a + 3*v*v*u*b + 3*v*u*u*c + u*u*u*d }
			points = append(points, point{mix(at[0].x, at[1].x, at[2].x, at[3].x), mix(at[0].y, at[1].y, at[2].y, at[3].y)})
		}
	}
	return points
}

func TestNoLineRunsAcrossALabel(t *testing.T) {
	_, svg := picture(t)
	var drawn struct {
		Shapes []shapes `xml:"g>g"`
	}
	require.NoError(t, xml.Unmarshal(svg, &drawn))
	var labels, lines int
	for _, label := range drawn.Shapes {
		if label.Class != "node label" {
			continue
		}
		labels++
		for _, text := range label.Texts {
			half := 2.8 * float64(len(text.Text)) // a letter is 5.6 wide, or more
			for _, line := range drawn.Shapes {
				if !strings.HasPrefix(line.Class, "edge") {
					continue
				}
				lines++
				for _, p := range curve(t, line.Paths[0].D) {
					across := math.Abs(p.x-text.X) < half && p.y > text.Y-9 && p.y < text.Y+2
					require.False(t, across, "a line runs across %q at %v", text.Text, p)
				}
			}
		}
	}
	assert.Len(t, gather(core.Lifecycle()), labels)
	assert.Positive(t, lines)
}

func TestBackAndForth(t *testing.T) {
	text := string(draw([]core.Transition{
		{From: "asleep", To: "awake", Event: "alarm"},
		{From: "asleep", To: "awake", Event: "noise", Word: "dog"},
		{From: "awake", To: "awake", Event: "coffee", Precedence: 1},
		{From: "awake", To: "asleep", Event: "night", Precedence: 2},
		{From: "awake", To: "gone", Event: "work", Precedence: 3},
	}))
	for _, part := range []string{
		"this order:\\nnoise, coffee, night, work\"]",
		"\"asleep\" [class=state width=1.6]\n\t\"awake\" [class=state width=1.6]\n\t\"gone\"",
		`label="alarm\ndog"`,
		"\"asleep\" -> label0:n [arrowhead=none weight=8]\n\tlabel0:s -> \"awake\" [weight=8]",
		"\"asleep\" -> label1:n [class=back dir=back color=\"#1f6fb2\"]\n\tlabel1:s -> \"awake\" [class=back arrowhead=none",
	} {
		assert.Contains(t, text, part)
	}
	assert.NotContains(t, text, "label3")
}
