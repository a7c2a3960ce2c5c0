package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sluss/gateway/store"
	"sluss/gateway/store/pgtest"
	"sluss/gateway/store/postgres"
)

// try opens a store and says what became of it.
func try(t *testing.T, cfg postgres.Config) error {
	t.Helper()
	s, err := postgres.Open(t.Context(), cfg)
	if err == nil {
		s.Close()
	}
	return err
}

// TestUnsafe weakens one setting at a time, where it can be weakened.
func TestUnsafe(t *testing.T) {
	c, err := pgtest.Start(t.Context(), pgtest.Config{})
	must(t, err)
	defer c.Close()
	must(t, try(t, postgres.Config{DSN: c.DSN()}))
	for _, row := range []struct{ setting, spoil, mend string }{
		{"fsync", "ALTER SYSTEM SET fsync = off", "ALTER SYSTEM RESET fsync"},
		{"full_page_writes", "ALTER SYSTEM SET full_page_writes = off", "ALTER SYSTEM RESET full_page_writes"},
		{"synchronous_commit", "ALTER SYSTEM SET synchronous_commit = off", "ALTER SYSTEM RESET synchronous_commit"},
		{"synchronous_commit", "ALTER DATABASE sluss SET synchronous_commit = local", "ALTER DATABASE sluss RESET synchronous_commit"},
		{"synchronous_commit", "ALTER ROLE sluss SET synchronous_commit = remote_write", "ALTER ROLE sluss RESET synchronous_commit"},
		{"zero_damaged_pages", "ALTER ROLE sluss SET zero_damaged_pages = on", "ALTER ROLE sluss RESET zero_damaged_pages"},
		{"ignore_checksum_failure", "ALTER SYSTEM SET ignore_checksum_failure = on", "ALTER SYSTEM RESET ignore_checksum_failure"},
		{"session_replication_role", "ALTER ROLE sluss SET session_replication_role = replica", "ALTER ROLE sluss RESET session_replication_role"},
	} {
		apply(t, c, row.spoil)
		err := eventually(t, c, postgres.Config{DSN: c.DSN()}, true)
		if !errors.Is(err, postgres.ErrUnsafe) || !strings.Contains(err.Error(), row.setting) {
			t.Errorf("%s: %v, want ErrUnsafe that names it", row.spoil, err)
		}
		apply(t, c, row.mend)
		if err := eventually(t, c, postgres.Config{DSN: c.DSN()}, false); err != nil {
			t.Errorf("%s: %v", row.mend, err)
		}
	}
	if err := try(t, postgres.Config{DSN: c.DSN() + "&synchronous_commit=off"}); !errors.Is(err, postgres.ErrUnsafe) {
		t.Errorf("weakened by the DSN: %v, want ErrUnsafe", err)
	}
	// Stronger is as good.
	apply(t, c, "ALTER ROLE sluss SET synchronous_commit = remote_apply")
	must(t, try(t, postgres.Config{DSN: c.DSN()}))
	// What a connection needs it sets itself.
	for _, s := range []string{"client_min_messages = error", "default_transaction_isolation = serializable"} {
		apply(t, c, "ALTER ROLE sluss SET "+s)
	}
	s := open(t, postgres.Config{DSN: c.DSN()})
	if _, err := commit(s, write(1)); err != nil {
		t.Error(err)
	}
	if err := try(t, postgres.Config{DSN: c.DSN(), HA: true}); !errors.Is(err, postgres.ErrUnsafe) || !strings.Contains(err.Error(), "synchronous_standby_names") {
		t.Errorf("HA without a standby: %v, want ErrUnsafe", err)
	}
}

func apply(t *testing.T, c *pgtest.Cluster, sql string) {
	t.Helper()
	must(t, c.Exec(t.Context(), sql))
	must(t, c.Exec(t.Context(), "SELECT pg_reload_conf()"))
}

// eventually opens a store until it is refused, or is not: a reload takes effect
// when the server gets to it.
func eventually(t *testing.T, c *pgtest.Cluster, cfg postgres.Config, refused bool) (err error) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = try(t, cfg); (err != nil) == refused {
			return err
		}
	}
	return err
}

// TestSchema refuses a database that a later program has made, and one that
// others use; programs that start at once make the schema once.
func TestSchema(t *testing.T) {
	dsn := shared.Database(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := try(t, postgres.Config{DSN: dsn}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s := open(t, postgres.Config{DSN: dsn})
	if found, err := s.Check(t.Context()); len(found) > 0 || err != nil {
		t.Errorf("Check = %q, %v", found, err)
	}
	execute(t, dsn, "INSERT INTO schema_version (version_id, is_applied) VALUES (99, true)")
	if err := try(t, postgres.Config{DSN: dsn}); !errors.Is(err, postgres.ErrSchema) {
		t.Errorf("a later version: %v, want ErrSchema", err)
	}
	if _, err := postgres.View(t.Context(), dsn); !errors.Is(err, postgres.ErrSchema) {
		t.Errorf("viewing a later version: %v, want ErrSchema", err)
	}
	other := shared.Database(t)
	execute(t, other, "CREATE TABLE message (id int)")
	if err := try(t, postgres.Config{DSN: other}); !errors.Is(err, postgres.ErrSchema) {
		t.Errorf("somebody else's tables: %v, want ErrSchema", err)
	}
	if _, err := postgres.View(t.Context(), shared.Database(t)); !errors.Is(err, postgres.ErrSchema) {
		t.Errorf("viewing an empty database: %v, want ErrSchema", err)
	}
}

// TestView reads beside a gateway that writes, and cannot write.
func TestView(t *testing.T) {
	dsn := shared.Database(t)
	s := open(t, postgres.Config{DSN: dsn})
	v, err := postgres.View(t.Context(), dsn)
	must(t, err)
	defer v.Close()
	if _, err := commit(s, write(1)); err != nil {
		t.Fatal(err)
	}
	must(t, v.Healthy(t.Context()))
	if size(t, v) != 1 {
		t.Errorf("view has size %d", size(t, v))
	}
	if _, err := commit(v, write(2)); !errors.Is(err, postgres.ErrView) {
		t.Errorf("Commit of a view = %v, want ErrView", err)
	}
	if _, err := v.Purge(t.Context(), now, nil); err != nil { // there is nothing
		t.Errorf("Purge of a view = %v", err)
	}
	if err := v.Publish(t.Context(), 1, nil); !errors.Is(err, postgres.ErrView) {
		t.Errorf("Publish of a view = %v, want ErrView", err)
	}
	s.Close()
	if _, err := s.Head(t.Context()); err == nil {
		t.Error("Head of a closed store gave no error")
	}
	if _, err := commit(s, write(2)); err == nil || errors.Is(err, store.ErrUnknown) {
		t.Errorf("Commit of a closed store = %v, want an error that says nothing was written", err)
	}
}

// TestSecret holds that no error shows how the database is reached.
func TestSecret(t *testing.T) {
	const secret = "CANARYpassword"
	dsn := shared.Database(t)
	u, err := url.Parse(dsn)
	must(t, err)
	good, _ := u.User.Password()
	secrets := []string{secret, good, u.Port(), u.Hostname(), "sluss:", "user=", strings.TrimPrefix(u.Path, "/")}
	for name, dsn := range map[string]string{
		"wrong password": strings.Replace(dsn, good, secret, 1),
		"no database":    strings.Replace(dsn, u.Path, "/CANARYpassword", 1),
		"nobody there":   strings.Replace(dsn, u.Port(), "1", 1),
		"bad port":       strings.Replace(dsn, u.Port(), secret, 1),
		"bad URL":        "postgres://sluss:" + secret + "@[::1/%zz",
		"bad keyword":    "password=" + secret + " host='",
		"bad value":      dsn + "&connect_timeout=" + secret,
		"bad setting":    dsn + "&statement_timeout=" + secret,
		"no host":        "postgres://sluss:" + secret + "@nowhere.invalid/sluss?connect_timeout=2",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		s, err := postgres.Open(ctx, postgres.Config{DSN: dsn, Timeout: 5 * time.Second})
		cancel()
		if err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
			continue
		}
		for _, word := range secrets {
			if strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q shows %q", name, err, word)
			}
		}
		t.Logf("%s: %v", name, err)
	}
}
