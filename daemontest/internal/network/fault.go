package network

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Fault changes what is wrong with a host. It is an error that there is none of
// that name.
func (n *Network) Fault(name string, change func(*Faults)) error {
	h, err := n.must(name)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	before := h.faults
	change(&h.faults)
	if before.Hangs && !h.faults.Hangs {
		n.each(h, func(e *end) { e.in.schedule() })
	}
	if !before.Refuses && h.faults.Refuses {
		n.each(h, (*end).cut)
	}
	return nil
}

// Met returns how often a host was asked for, or something was sent on a
// connection to it: as often could what is wrong with it be met. It is 0 where
// there is no host of that name.
func (n *Network) Met(name string) int64 {
	h := n.named(name)
	if h == nil {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return h.faults.met
}

// Reset resets all connections of a host. It is an error that there is no host
// of that name.
func (n *Network) Reset(name string) error {
	h, err := n.must(name)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.each(h, (*end).cut)
	return nil
}

func (n *Network) must(name string) (*host, error) {
	if h := n.named(name); h != nil {
		return h, nil
	}
	var names []string
	for _, h := range n.hosts {
		names = append(names, h.Name)
	}
	return nil, fmt.Errorf("the network has no host %q, only %s", name, strings.Join(names, ", "))
}

// each calls f with both ends of each connection to h, in the order in which
// they were dialled. It is called with mu held.
func (n *Network) each(h *host, f func(*end)) {
	for _, number := range slices.Sorted(maps.Keys(n.conns)) {
		if c := n.conns[number]; c.host == h {
			f(c.client)
			f(c.server)
		}
	}
}
