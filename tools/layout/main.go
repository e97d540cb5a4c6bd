// Command layout draws a graph that is described in Graphviz's language, as an
// SVG file for light and dark surroundings. In the dark, what has the class
// state, label or back gets colours of its own.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"

	"github.com/goccy/go-graphviz"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: layout FILE.dot FILE.svg")
		os.Exit(2)
	}
	if err := layout(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "layout:", err)
		os.Exit(1)
	}
}

func layout(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	picture, err := draw(context.Background(), text)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return os.WriteFile(to, picture, 0o644)
}

// dark are the colours where they differ. Those of the picture itself are
// attributes, which any rule of a style sheet overrides.
const dark = `<!-- sha256 of the description: %x -->
<style>
@media (prefers-color-scheme: dark) {
.graph > polygon { fill: #0d1117 }
text { fill: #e6edf3 }
.graph > text { fill: #9aa4af }
.state path { fill: #1b2a3d; stroke: #6f93c0 }
.edge path { stroke: #9aa4af }
.edge polygon { fill: #9aa4af; stroke: #9aa4af }
.back path { stroke: #58a6ff }
.back polygon { fill: #58a6ff; stroke: #58a6ff }
}
</style>
`

// draw lays the graph out. The picture says of which description it is, so that
// a stale one is found without Graphviz.
func draw(ctx context.Context, text []byte) ([]byte, error) {
	graph, err := graphviz.ParseBytes(text)
	if err != nil {
		return nil, err
	}
	engine, err := graphviz.New(ctx)
	if err != nil {
		return nil, err
	}
	var picture bytes.Buffer
	if err := engine.Render(ctx, graph, graphviz.SVG, &picture); err != nil {
		return nil, err
	}
	before, after, found := bytes.Cut(picture.Bytes(), []byte("<g id=\"graph0\""))
	if !found {
		return nil, fmt.Errorf("graphviz has drawn no graph")
	}
	style := fmt.Appendf(nil, dark, sha256.Sum256(text))
	return bytes.Join([][]byte{before, style, []byte("<g id=\"graph0\""), after}, nil), nil
}
