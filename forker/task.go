package forker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode"
)

// Task is a function that runs in a process of its own. It is made by
// [NewTask], and safe for concurrent use.
type Task[In, Out any] struct {
	name    string
	run     func(ctx context.Context, c *Child, in In) (Out, error)
	options []Option
}

// NewTask registers a function under a name. Call it at package level, so that
// the child has it, too. ctx is done when the child is told to end (SIGTERM).
// In and Out travel as JSON. It panics where the name is empty or taken, and
// where an option is wrong.
func NewTask[In, Out any](
	name string, run func(ctx context.Context, c *Child, in In) (Out, error), options ...Option,
) *Task[In, Out] {
	t := &Task[In, Out]{name, run, options}
	if run == nil {
		panic(fmt.Sprintf("forker: task %q has no function", name))
	}
	if err := check(options); err != nil {
		panic(fmt.Sprintf("forker: task %q: %v", name, err))
	}
	register(name, t)
	return t
}

// runner is a task of any types.
type runner interface {
	call(ctx context.Context, c *Child, in []byte) ([]byte, error)
}

// registry holds the tasks and pools by name.
var registry = struct {
	sync.Mutex
	tasks  map[string]any // a runner or a *Pool
	starts []func(ctx context.Context, c *Child) error
}{tasks: make(map[string]any)}

func register(name string, what any) {
	registry.Lock()
	defer registry.Unlock()
	checkName("task", name)
	if registry.tasks[name] != nil {
		panic(fmt.Sprintf("forker: two tasks or pools have the name %q: give each a name of its own", name))
	}
	registry.tasks[name] = what
}

// AtStart has f called in each child of this program, before all else that runs in
// it: in a task's before its CheckEnvironment and SetUp, in a worker before its
// Setup. Call it at package level; several are called in their order. An error is
// that of the task, or of the worker's set-up.
func AtStart(f func(ctx context.Context, c *Child) error) {
	if f == nil {
		panic("forker: AtStart(nil)")
	}
	registry.Lock()
	defer registry.Unlock()
	registry.starts = append(registry.starts, f)
}

// atStart calls what AtStart was given.
func atStart(ctx context.Context, c *Child) error {
	registry.Lock()
	starts := slices.Clone(registry.starts)
	registry.Unlock()
	for _, f := range starts {
		if err := f(ctx, c); err != nil {
			return fmt.Errorf("at its start: %w", err)
		}
	}
	return nil
}

// checkName panics where a name is empty, too long or cannot be printed.
func checkName(what, name string) {
	if name == "" {
		panic(fmt.Sprintf("forker: a %s needs a name: it is empty", what))
	}
	for _, char := range name {
		if !unicode.IsPrint(char) {
			panic(fmt.Sprintf("forker: the %s name %q holds a character that cannot be printed", what, name))
		}
	}
	if len(name) > maxName {
		panic(fmt.Sprintf("forker: the %s name %.20q… has %d bytes, more than %d", what, name, len(name), maxName))
	}
}

func registered(name string) any {
	registry.Lock()
	defer registry.Unlock()
	return registry.tasks[name]
}

// Name returns the name under which the task is registered.
func (t *Task[In, Out]) Name() string { return t.name }

// Fork starts a child that runs the task with in, and returns when it was
// started. Where the group has too many, it does what IfFull or Group.Full
// says. The child's end need not be waited for: it is reaped in any case.
//
// Errors are those of a child that could not be started: ErrFull, ErrClosed,
// ErrInChild, a SizeError, or the operating system's.
func (t *Task[In, Out]) Fork(group Forker, in In, options ...Option) (*Handle[Out], error) {
	g := group.Children()
	c, err := t.prepare(g, in, options)
	if err == nil {
		err = g.fork(c)
	}
	if err != nil {
		return nil, fmt.Errorf("forker: fork task %s: %w", t.name, err)
	}
	return &Handle[Out]{group: g, child: c}, nil
}

// prepare makes the child that runs the task.
func (t *Task[In, Out]) prepare(g *Group, in In, options []Option) (*child, error) {
	s, err := g.settings(t.options, options)
	if err != nil {
		return nil, err
	}
	var own settings
	for _, o := range options {
		o.apply(&own)
	}
	if own.ofTask() {
		return nil, errors.New("CheckEnvironment, SetUp and TearDown are options of NewTask, so that the child has them")
	}
	input, err := encodeArgument(in, g.maxBytes())
	if err != nil {
		return nil, err
	}
	return newChild(t.name, input, s), nil
}

// call runs the function, in the child.
func (t *Task[In, Out]) call(ctx context.Context, c *Child, input []byte) (result []byte, err error) {
	var s settings
	for _, o := range t.options {
		o.apply(&s)
	}
	if s.environment != nil {
		if err := s.environment(ctx, c); err != nil {
			return nil, fmt.Errorf("its environment: %w", err)
		}
	}
	if s.setup != nil {
		if err := s.setup(ctx, c); err != nil {
			return nil, fmt.Errorf("its set-up: %w", err)
		}
	}
	if s.teardown != nil {
		defer func() {
			if tornDown := s.teardown(context.WithoutCancel(ctx), c); tornDown != nil && err == nil {
				result, err = nil, fmt.Errorf("its teardown: %w", tornDown)
			}
		}()
	}
	return callEncoded(ctx, c, t.run, input)
}

// callEncoded calls f with an argument, and returns its result, as JSON.
func callEncoded[In, Out any](
	ctx context.Context, c *Child, f func(ctx context.Context, c *Child, in In) (Out, error), input []byte,
) ([]byte, error) {
	var in In
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, fmt.Errorf("its argument (%T) cannot be decoded: %w", in, err)
	}
	out, err := f(ctx, c, in)
	if err != nil {
		return nil, err
	}
	result, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("its result (%T) cannot be encoded: %w", out, err)
	}
	return result, nil
}

// encodeArgument returns in as JSON of at most maxBytes.
func encodeArgument[In any](in In, maxBytes int) ([]byte, error) {
	input, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("its argument (%T) cannot be encoded: %w", in, err)
	}
	if len(input) > maxBytes {
		return nil, &SizeError{"argument", len(input), maxBytes}
	}
	return input, nil
}
