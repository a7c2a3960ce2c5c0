package envelope

// nursery is where the values of one token are made. A message has hundreds of
// small ones, which live and die together, so they are allocated many at a time.
// An error leaves what was begun on the stacks: the nursery is then of no use.
type nursery struct {
	values []value
	names  []string
	elems  []*value
	// The members of the objects and arrays that are being read.
	openNames []string
	openElems []*value
}

// opening is where the members of an object or array begin on the stacks.
type opening struct{ names, elems int }

// leaf makes a value without members.
func (n *nursery) leaf(kind byte, text string) *value {
	n.values = room(n.values, 1)
	n.values = append(n.values, value{kind: kind, text: text})
	return &n.values[len(n.values)-1]
}

func (n *nursery) begin() opening { return opening{len(n.openNames), len(n.openElems)} }

// end makes an object or array of the members read since begin.
func (n *nursery) end(kind byte, from opening) *value {
	v := n.leaf(kind, "")
	n.names, v.names = place(n.names, n.openNames[from.names:])
	n.elems, v.elems = place(n.elems, n.openElems[from.elems:])
	n.openNames, n.openElems = n.openNames[:from.names], n.openElems[:from.elems]
	return v
}

// place copies items into a slab and returns the slab and the copy.
func place[T any](slab, items []T) (rest, copied []T) {
	if len(items) == 0 {
		return slab, nil
	}
	slab = room(slab, len(items))
	at := len(slab)
	slab = append(slab, items...)
	return slab, slab[at:len(slab):len(slab)]
}

// room returns a slab with place for n more: the same, or a new one of twice
// the size.
func room[T any](slab []T, n int) []T {
	const first, most = 8, 64
	if cap(slab)-len(slab) >= n {
		return slab
	}
	return make([]T, 0, max(n, first, min(2*cap(slab), most)))
}
