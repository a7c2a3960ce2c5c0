package batch

import (
	"fmt"
	"slices"

	"sluss/gateway/store"
)

// Layout is a table for whoever copies rows and need not know what they mean.
type Layout struct {
	Name, Columns string
	Order         string // the column that rows are copied by
	Width         int    // of a row, with its checksum
	// Read reads a row that begins with its checksum and returns it as it is
	// kept; [store.ErrDamaged] if it does not fit.
	Read func(Scanner) (store.Row, error)
}

// Layouts are all tables of the contract, in the order in which they are
// copied.
var Layouts = []Layout{
	Heads.layout("id"), Tiles.layout("id"), Entries.layout("idx"), Replays.layout("id"), Messages.layout("entry"),
	Statements.layout("seq"), States.layout("name"), Documents.layout("name"), Published.layout("id"), Mail.layout("seq"),
}

func (t Table[T]) layout(order string) Layout {
	return Layout{t.Name, t.Columns, order, t.Width(), func(row Scanner) (store.Row, error) {
		v, fits, err := t.Checked(row)
		if err != nil {
			return store.Row{}, fmt.Errorf("%w: %s: %w", store.ErrDamaged, t.Name, err)
		}
		if !fits {
			return store.Row{}, fmt.Errorf("%w: %s", store.ErrDamaged, t.Name)
		}
		return store.Row{Table: t.Name, Values: t.Row(v)}, nil
	}}
}

// LayoutOf returns the layout of a row that is to be written, if the row is
// whole: [store.ErrDamaged].
func LayoutOf(r store.Row) (Layout, error) {
	i := slices.IndexFunc(Layouts, func(l Layout) bool { return l.Name == r.Table })
	if i < 0 || len(r.Values) != Layouts[i].Width {
		return Layout{}, fmt.Errorf("%w: no row of table %q", store.ErrDamaged, r.Table)
	}
	last := len(r.Values) - 1
	if sum, ok := r.Values[last].(int64); !ok || sum != Sum(r.Values[:last]) {
		return Layout{}, fmt.Errorf("%w: %s", store.ErrDamaged, r.Table)
	}
	return Layouts[i], nil
}
