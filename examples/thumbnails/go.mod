module github.com/evertick/evertick/examples/thumbnails

go 1.26.0

replace github.com/evertick/evertick => ../..

require (
	github.com/alecthomas/kingpin/v2 v2.4.0
	github.com/evertick/evertick v0.0.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/image v0.48.0
)

require (
	github.com/alecthomas/units v0.0.0-20211218093645-b94a6e3cc137 // indirect
	github.com/benbjohnson/clock v1.3.5 // indirect
	github.com/coreos/go-systemd/v22 v22.7.0 // indirect
	github.com/xhit/go-str2duration/v2 v2.1.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.50.0 // indirect
)
