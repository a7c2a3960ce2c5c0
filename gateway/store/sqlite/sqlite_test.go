package sqlite_test

import (
	"testing"

	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
	"sluss/gateway/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, dir string, l storetest.Limits) store.Store {
		s, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir, Mailbox: l.Mailbox, Sender: l.Sender, Reserve: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	})
}
