package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/gif"
	"image/jpeg"
	_ "image/png"
	"io/fs"
	"os"
	"time"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"

	"github.com/evertick/evertick/forker"
)

// edge is the longer edge of a thumbnail in pixels.
const edge = 160

// job is a picture, and the thumbnail that is to be made of it.
type job struct{ From, To string }

// size is that of a thumbnail in pixels.
type size struct{ Width, Height int }

// thumbnail makes a thumbnail in a process of its own.
var thumbnail = forker.NewTask("thumbnail",
	func(_ context.Context, _ *forker.Child, j job) (size, error) { return j.run() },
	forker.AtMost(4), forker.Memory(512<<20), forker.Timeout(30*time.Second), forker.Nice(10),
)

func (j job) run() (size, error) {
	file, err := os.Open(j.From)
	if err != nil {
		return size{}, err
	}
	defer file.Close()
	picture, _, err := image.Decode(file)
	if err != nil {
		return size{}, fmt.Errorf("read the picture: %w", err)
	}
	if err := replaceable(j.To); err != nil {
		return size{}, err
	}
	small := shrink(picture)
	if err := write(j.To, small); err != nil {
		return size{}, fmt.Errorf("write the thumbnail: %w", err)
	}
	return size{small.Bounds().Dx(), small.Bounds().Dy()}, nil
}

// shrink returns the picture with its longer edge of the length that is wanted, or
// as large as it is where that is shorter.
func shrink(picture image.Image) image.Image {
	width, height := picture.Bounds().Dx(), picture.Bounds().Dy()
	longer := max(width, height, edge)
	small := image.NewRGBA(image.Rect(0, 0, max(1, width*edge/longer), max(1, height*edge/longer)))
	draw.CatmullRom.Scale(small, small.Bounds(), picture, picture.Bounds(), draw.Src, nil)
	return small
}

// replaceable refuses what is there already and is no thumbnail.
func replaceable(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if c, kind, err := image.DecodeConfig(file); err != nil || kind != "jpeg" || max(c.Width, c.Height) > edge {
		return fmt.Errorf("%s is no thumbnail, and is left alone", path)
	}
	return nil
}

// write writes the thumbnail beside its place and renames it, so that nobody sees
// half of it.
func write(path string, picture image.Image) error {
	file, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	defer file.Close()
	if err := jpeg.Encode(file, picture, nil); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
