package main

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
)

// asDaemon in the environment makes the test binary the daemon.
const asDaemon = "THUMBNAILS_TEST_AS_DAEMON"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		New(core.WithLock(lock.Null()), core.WithLog(logfile.Fixed("log"))).Main()
	}
	os.Exit(m.Run())
}

// picture returns a PNG of this size.
func picture(t *testing.T, width, height int) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))))
	return b.String()
}

const args = "--in in --out out --aside aside"

func folders(more map[string]string) map[string]string {
	files := map[string]string{"in/": "", "out/": "", "aside/": ""}
	for name, content := range more {
		files[name] = content
	}
	return files
}

func stop(at time.Duration) daemontest.Step {
	return daemontest.At(at, daemontest.Signal(syscall.SIGTERM))
}

func TestPicturesBecomeThumbnails(t *testing.T) {
	r := daemontest.Run(t, New, daemontest.Scenario{
		Args: args,
		Files: folders(map[string]string{
			"in/a.png": picture(t, 400, 200), "in/b.png": picture(t, 10, 300), "in/note.txt": "not a picture",
		}),
		Steps: daemontest.Steps{
			daemontest.At(1500*time.Millisecond, daemontest.WriteFile("in/c.png", picture(t, 30, 30))),
			stop(4 * time.Second),
		},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.LockReleased(), daemontest.Forks("thumbnail", 4), daemontest.ChildrenGone(),
			daemontest.Logs("a.png: a thumbnail of 160×80"), daemontest.Logs("b.png: a thumbnail of 5×160"),
			daemontest.ChildEnds("thumbnail", 3, "exit status 1"), daemontest.Logs("note.txt is set aside"),
			daemontest.NoFile("in/a.png"), daemontest.NoFile("in/c.png"), daemontest.NoFile("in/note.txt"),
			daemontest.FileContains("aside/note.txt", "not a picture"),
			daemontest.FileContains("aside/note.txt.why", "image: unknown format"),
		},
	})
	file, ok := r.World().File("out/a.png.jpg")
	require.True(t, ok)
	small, kind, err := image.Decode(strings.NewReader(file))
	require.NoError(t, err)
	require.Equal(t, "jpeg", kind)
	require.Equal(t, image.Pt(160, 80), small.Bounds().Size())
}

// A picture that needs all the memory there is ends its process, and no other.
func TestAPoisonedPictureIsSetAside(t *testing.T) {
	daemontest.Run(t, New, daemontest.Scenario{
		Args:     args,
		Files:    folders(map[string]string{"in/a.png": picture(t, 4, 4), "in/b.png": "poison", "in/c.png": picture(t, 4, 4)}),
		Children: map[string]daemontest.ChildScript{"thumbnail": daemontest.Child().Except(2, daemontest.Child().RunsOutOfMemory())},
		Steps:    daemontest.Steps{stop(3500 * time.Millisecond)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Forks("thumbnail", 3), daemontest.ChildrenGone(), daemontest.Iterations(4),
			daemontest.Logs("b.png is set aside"), daemontest.FileContains("aside/b.png.why", "out of memory"),
			daemontest.FileContains("aside/b.png", "poison"), daemontest.NoFile("in/a.png"), daemontest.NoFile("in/c.png"),
		},
	})
}

// No more than four pictures are worked at; one that a stop interrupts stays for
// the next start.
func TestAStopLeavesThePictureForTheNextStart(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		files["in/"+name+".png"] = picture(t, 4, 4)
	}
	daemontest.Run(t, New, daemontest.Scenario{
		Args: args, Files: folders(files),
		Children: map[string]daemontest.ChildScript{"thumbnail": daemontest.Child().Takes(1500 * time.Millisecond)},
		Steps:    daemontest.Steps{stop(2500 * time.Millisecond)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Forks("thumbnail", 6), daemontest.AtMostChildren("thumbnail", 4), daemontest.ChildrenGone(),
			daemontest.NoFile("in/a.png"), daemontest.FileContains("in/f.png", "PNG"), daemontest.NoFile("aside/f.png"),
		},
	})
}

// What the folders hold already is left alone, unless it is a thumbnail.
func TestFilesOfOthersAreLeftAlone(t *testing.T) {
	files := folders(map[string]string{
		"in/a.png": picture(t, 4, 4), "out/a.png.jpg": "a letter",
		"in/b.txt": "no picture", "aside/b.txt": "an older one", "aside/b.txt.2.why": "a note",
	})
	daemontest.Run(t, New, daemontest.Scenario{
		Args: args, Files: files, Steps: daemontest.Steps{stop(2500 * time.Millisecond)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Logs("a.png is set aside"), daemontest.ChildEnds("thumbnail", 1, "exit status 1"), daemontest.ChildEnds("thumbnail", 2, "exit status 1"),
			daemontest.FileContains("out/a.png.jpg", "a letter"), daemontest.FileContains("aside/a.png.why", "is no thumbnail"),
			daemontest.FileContains("aside/b.txt", "an older one"), daemontest.FileContains("aside/b.txt.2.why", "a note"),
			daemontest.FileContains("aside/b.txt.3", "no picture"), daemontest.FileContains("aside/b.txt.3.why", "unknown format"),
		},
	})
	r := daemontest.Run(t, New, daemontest.Scenario{ // a thumbnail is made again
		Args:  args,
		Files: folders(map[string]string{"in/a.png": picture(t, 4, 4)}),
		Steps: daemontest.Steps{
			daemontest.At(2500*time.Millisecond, daemontest.WriteFile("in/a.png", picture(t, 8, 8))),
			stop(4500 * time.Millisecond),
		},
		Want: daemontest.Want{daemontest.Exit(0), daemontest.Forks("thumbnail", 2), daemontest.Logs("a.png: a thumbnail of 8×8")},
	})
	_, aside := r.World().File("aside/a.png")
	require.False(t, aside)
}

func TestTheFoldersDiffer(t *testing.T) {
	for args, told := range map[string]string{
		"--in in --out in --aside aside":  "--in and --out are one folder",
		"--in in --out out --aside ./out": "--out and --aside are one folder",
	} {
		daemontest.Run(t, New, daemontest.Scenario{
			Args: args, Files: folders(nil),
			Want: daemontest.Want{daemontest.Exit(1), daemontest.NeverReady(), daemontest.Stderr(told)},
		})
	}
}
