// Command drawlifecycle draws the lifecycle of a daemon from core's own table
// of states, as an SVG file.
package main

import (
	"bytes"
	"fmt"
	"html"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/evertick/evertick/core"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: drawlifecycle FILE.svg")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], draw(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "drawlifecycle:", err)
		os.Exit(1)
	}
}

const (
	width, height = 1180, 760
	boxW, boxH    = 130, 44
)

type point struct{ x, y float64 }

// places are the centres of the boxes.
var places = map[string]point{
	"checking":     {110, 60},
	"standby":      {110, 260},
	"setting up":   {430, 60},
	"sleeping":     {760, 60},
	"executing":    {1080, 60},
	"restarting":   {1080, 430},
	"draining":     {430, 400},
	"tearing down": {760, 600},
	"ended":        {110, 680},
}

// draw makes the picture.
func draw() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	b.WriteString(`<title>The lifecycle of a daemon</title>
<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0,0 L10,5 L0,10 z" fill="#555"/></marker></defs>
<rect width="100%" height="100%" fill="#fff"/>
`)
	arrows := gather(core.Lifecycle())
	for _, a := range arrows {
		a.draw(&b, slices.ContainsFunc(arrows, func(o arrow) bool { return o.from == a.to && o.to == a.from }))
	}
	for _, s := range slices.Sorted(maps.Keys(places)) {
		p := places[s]
		fill := "#eaf2fb"
		if s == "ended" {
			fill = "#eee"
		}
		fmt.Fprintf(&b, `<rect x="%.0f" y="%.0f" width="%d" height="%d" rx="8" fill="%s" stroke="#336"/>`+"\n", p.x-boxW/2, p.y-boxH/2, boxW, boxH, fill)
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" text-anchor="middle" font-size="15" font-weight="bold" fill="#224">%s</text>`+"\n", p.x, p.y+5, s)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#555">Where several events are ready at once, they go in the order: %s.</text>`+"\n", width-15, height-28, precedence(0, 9))
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#555">%s.</text>`+"\n", width-15, height-12, precedence(9, 99))
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// precedence names events in their order.
func precedence(from, to int) string {
	byPlace := map[int]string{}
	for _, t := range core.Lifecycle() {
		byPlace[t.Precedence] = t.Event
	}
	var names []string
	for _, place := range slices.Sorted(maps.Keys(byPlace)) {
		names = append(names, byPlace[place])
	}
	return strings.Join(names[from:min(to, len(names))], ", ")
}

// arrow is all transitions from one state to another.
type arrow struct {
	from, to string
	labels   []string
}

func gather(all []core.Transition) []arrow {
	var arrows []arrow
	for _, t := range all {
		if t.From == t.To {
			continue
		}
		label := t.Word
		if label == "" {
			label = t.Event
		}
		i := slices.IndexFunc(arrows, func(a arrow) bool { return a.from == t.From && a.to == t.To })
		if i < 0 {
			arrows = append(arrows, arrow{t.From, t.To, nil})
			i = len(arrows) - 1
		}
		if !slices.Contains(arrows[i].labels, label) {
			arrows[i].labels = append(arrows[i].labels, label)
		}
	}
	return arrows
}

// draw bends an arrow that has one in the other direction, so that both can be
// seen.
func (a arrow) draw(b *bytes.Buffer, both bool) {
	p, q := places[a.from], places[a.to]
	dx, dy := q.x-p.x, q.y-p.y
	length := math.Hypot(dx, dy)
	bend := 0.06 * length
	if both {
		bend = 26
	}
	mid := point{(p.x+q.x)/2 - dy/length*bend, (p.y+q.y)/2 + dx/length*bend}
	s, e := edge(p, mid), edge(q, mid)
	fmt.Fprintf(b, `<path d="M%.1f,%.1f Q%.1f,%.1f %.1f,%.1f" fill="none" stroke="#555" marker-end="url(#tip)"/>`+"\n", s.x, s.y, mid.x, mid.y, e.x, e.y)
	at := point{(s.x + 2*mid.x + e.x) / 4, (s.y + 2*mid.y + e.y) / 4}
	for i, l := range a.labels {
		y := at.y + 4 + 14*(float64(i)-float64(len(a.labels)-1)/2)
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" fill="#333" stroke="#fff" stroke-width="4" paint-order="stroke">%s</text>`+"\n", at.x, y, html.EscapeString(l))
	}
}

// edge is where the line from p towards q leaves p's box.
func edge(p, q point) point {
	dx, dy := q.x-p.x, q.y-p.y
	t := math.Min(math.Abs((boxW/2+2)/dx), math.Abs((boxH/2+2)/dy))
	return point{p.x + t*dx, p.y + t*dy}
}
