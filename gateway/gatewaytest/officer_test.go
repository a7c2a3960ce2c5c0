package gatewaytest_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/gatewaytest"
	"sluss/policies"
)

// officer is a legal officer at a terminal, in a directory of their own.
type officer struct {
	*gatewaytest.World
	dir string
}

// ctl runs gatewayctl and returns what it printed; the exit code must be as said.
func (o officer) ctl(t *testing.T, code int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(o.Binary), "gatewayctl"), args...)
	cmd.Dir = o.dir
	out, err := cmd.CombinedOutput()
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if got != code {
		t.Fatalf("gatewayctl %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return string(out)
}

// says runs gatewayctl and wants words in what it printed.
func (o officer) says(t *testing.T, code int, words string, args ...string) {
	t.Helper()
	if out := o.ctl(t, code, args...); !strings.Contains(out, words) {
		t.Errorf("gatewayctl %s: does not say %q:\n%s", strings.Join(args, " "), words, out)
	}
}

// copyLaw copies the law with one line changed.
func (o officer) copyLaw(t *testing.T, to, file, old, new string) {
	t.Helper()
	src, err := filepath.Abs("../../policies")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"data", "message_types", "provisions", "cases"} {
		if err := os.CopyFS(filepath.Join(o.dir, to, part), os.DirFS(filepath.Join(src, part))); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(o.dir, to, file)
	raw, err := os.ReadFile(path)
	if err != nil || bytes.Count(raw, []byte(old)) != 1 {
		t.Fatalf("%s says %q %d times, %v", file, old, bytes.Count(raw, []byte(old)), err)
	}
	if err := os.WriteFile(path, bytes.Replace(raw, []byte(old), []byte(new), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}

// assessment has the police send a threat assessment, and returns on which basis
// the social worker gets each field of it.
func (o officer) assessment(t *testing.T, m *gatewaytest.Matter) map[gateway.Field]gateway.Basis {
	t.Helper()
	token, err := m.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	police, err := o.Client(t.Context(), "police", "exit")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := police.Send(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	town, err := o.Client(t.Context(), m.Town, "exit")
	if err != nil {
		t.Fatal(err)
	}
	b, err := town.Poll(t.Context(), "municipality.social_worker", client.PollOptions{NoWait: true})
	if err != nil || len(b.Refused) > 0 {
		t.Fatalf("collecting: %v, %v", err, b.Refused)
	}
	var items []client.Item
	got := map[gateway.Field]gateway.Basis{}
	for _, one := range b.Messages {
		got, items = one.Release().Allowed, append(items, one)
	}
	for _, n := range b.Notices {
		items = append(items, n)
	}
	if len(items) > 0 {
		if err := town.Ack(t.Context(), "municipality.social_worker", items...); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// The condition on which consent opens secrecy, as it stands and narrower: not for
// the purpose of protection.
const (
	consentFile = "provisions/consent_and_self.rego"
	consentOld  = "data.catalogue.purposes[input.purpose].consentable\n"
	consentNew  = "data.catalogue.purposes[input.purpose].consentable\n\tinput.purpose != \"PROTECTION\"\n"
)

// TestOfficersStory: two legal officers change one condition of the law, see what
// it would do, put it in force against the real gateway, and take it back.
func TestOfficersStory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	o := officer{w, t.TempDir()}
	m, err := gatewaytest.NewMatter(t.Context(), w, "municipality:0180")
	if err != nil {
		t.Fatal(err)
	}
	before := o.assessment(t, m)
	if before["risk_level"] != "OSL-12-2" {
		t.Fatalf("the law as it stands releases %v", before)
	}
	o.copyLaw(t, "draft", consentFile, consentOld, consentNew)
	o.checkDraft(t)
	o.enactDraft(t)
	if got := o.assessment(t, m); len(got) != 0 {
		t.Errorf("the new law releases %v, want nothing", got)
	}
	o.rollBack(t)
	if got := o.assessment(t, m); got["risk_level"] != "OSL-12-2" {
		t.Errorf("the old law releases %v, want what it released before", got)
	}
	o.replayOld(t)
	o.verify(t)
}

func (o officer) gateway() string          { return filepath.Join(o.Dir, "gateway", "gateway.json") }
func (o officer) key(n string) string      { return filepath.Join(o.Dir, "officers", n+".key") }
func (o officer) world(name string) string { return filepath.Join(o.Dir, name) }

// checkDraft: what the draft is, before anybody signs it.
func (o officer) checkDraft(t *testing.T) {
	t.Helper()
	o.ctl(t, 0, "policy", "lint", "draft")
	// The worked cases that rest on what is changed come out otherwise: they say so.
	o.says(t, 1, "G01", "policy", "test", "--cases", "draft/cases/golden", "draft")
	o.says(t, 0, "number 1", "policy", "status", "--gateway", o.gateway())
	// What the gateway has decided, under the draft: it closes, and opens nothing.
	out := o.ctl(t, 0, "policy", "replay", "--log", o.world("gateway/data"), "--kek", "file:"+o.world("gateway/kek"), "--draft", "draft")
	for _, line := range []string{"opened           0\n", "closed           1\n", "  closed   risk_level: ", "municipality.social_worker from police.exit_coordinator_regional"} {
		if !strings.Contains(out, line) {
			t.Errorf("replay does not say %q:\n%s", line, out)
		}
	}
	// Under the law that took them, all decisions come out as they did.
	if err := os.CopyFS(filepath.Join(o.dir, "law"), policies.FS); err != nil {
		t.Fatal(err)
	}
	// Over everything that can be asked it closes, and opens nothing.
	o.says(t, 0, "CLOSED", "policy", "diff", "law", "draft")
	o.says(t, 0, "come out exactly as they did, 0 do not", "policy", "replay", "--log", o.world("gateway/data"), "--kek", "file:"+o.world("gateway/kek"), "--draft", "law")
}

// enactDraft: one officer cannot, two can.
func (o officer) enactDraft(t *testing.T) {
	t.Helper()
	g := []string{"--gateway", o.gateway()}
	sign := slices.Concat([]string{"policy", "sign"}, g, []string{"--diff=false", "--key", o.key("1"), "--out", "proposal.json", "draft"})
	o.says(t, 0, "changed    provisions/consent_and_self.rego", sign...)
	activate := slices.Concat([]string{"policy", "activate"}, g, []string{"proposal.json"})
	o.says(t, 1, "only one legal officer has signed; a change needs two", activate...)
	approve := func(n, pack string) []string {
		return slices.Concat([]string{"policy", "approve"}, g, []string{"--diff=false", "--key", o.key(n), "--pack", pack, "proposal.json"})
	}
	o.says(t, 1, "this officer has signed already", approve("1", "draft")...)
	o.says(t, 1, "what was signed is not this content", approve("2", "law")...)
	o.says(t, 0, "changed    provisions/consent_and_self.rego", approve("2", "draft")...)
	o.says(t, 1, "the officers signed it for", slices.Concat([]string{"policy", "activate", "--at", "2030-01-01"}, g, []string{"proposal.json"})...)
	o.says(t, 0, "in force: number 2", activate...)
	o.says(t, 0, "number 2", "policy", "status", "--client", o.world("agencies/police/exit/client.json"))
}

// rollBack: the old content, a new number, two new signatures, from a second on
// that has not come when it is handed over.
func (o officer) rollBack(t *testing.T) {
	t.Helper()
	g := []string{"--gateway", o.gateway()}
	o.ctl(t, 0, slices.Concat([]string{"policy", "rollback"}, g, []string{"--diff=false", "--to", "1", "--at", "+4s", "--key", o.key("2"), "--out", "back.json"})...)
	o.ctl(t, 0, slices.Concat([]string{"policy", "approve"}, g, []string{"--diff=false", "--key", o.key("1"), "back.json"})...)
	o.says(t, 0, "until then what is in force stays", slices.Concat([]string{"policy", "activate"}, g, []string{"back.json"})...)
	o.says(t, 0, "scheduled  number 3", "policy", "status", "--gateway", o.gateway())
	eventually(t, "scheduled law", func() bool {
		return strings.Contains(o.ctl(t, 0, "policy", "status", "--gateway", o.gateway()), "in force   number 3")
	})
}

// replayOld: an approval that was good once is refused, by the tool and, for who
// goes around the tool, by the gateway, and that stands in the log.
func (o officer) replayOld(t *testing.T) {
	t.Helper()
	o.says(t, 1, "approval is not newer than the one in force", "policy", "activate", "--gateway", o.gateway(), "proposal.json")
	raw, err := os.ReadFile(filepath.Join(o.dir, "proposal.json"))
	if err != nil {
		t.Fatal(err)
	}
	inForce, err := os.ReadFile(o.world("snapshot.json"))
	if err != nil {
		t.Fatal(err)
	}
	replace(t, o.world("snapshot.json"), raw)
	eventually(t, "word of the old approval", func() bool {
		log, err := os.ReadFile(o.Log)
		return err == nil && bytes.Contains(log, []byte("approval is not newer than the one in force"))
	})
	o.says(t, 0, "in force   number 3", "policy", "status", "--gateway", o.gateway())
	replace(t, o.world("snapshot.json"), inForce)
}

// verify: the log holds each change of the law, at its time, and the refusal.
func (o officer) verify(t *testing.T) {
	t.Helper()
	o.says(t, 0, "in force   number 4: ALL RELEASE IS STOPPED", "policy", "status", "--gateway", o.stopped(t))
	if err := o.Stop(); err != nil {
		t.Fatal(err)
	}
	o.says(t, 0, "checked", "log", "fsck", "--pins", o.world("gateway/pins.json"), "--kek", "file:"+o.world("gateway/kek"), "--ring", o.world("gateway/state/ring"), o.world("gateway/data"))
	s := &stage{World: o.World}
	activated, refused := s.lawEntries(t)
	if len(activated) != 4 || refused != 1 {
		t.Fatalf("%d laws activated, %d refused; want 4 and 1", len(activated), refused)
	}
	for i, e := range activated {
		if e.Count != int64(i+1) || time.Since(e.Time.Time) > time.Hour || i > 0 && e.Time.Before(activated[i-1].Time.Time) {
			t.Errorf("entry %d of the law has number %d, time %v", i, e.Count, e.Time)
		}
	}
	if *activated[0].Snapshot != *activated[2].Snapshot || *activated[1].Snapshot == *activated[0].Snapshot || activated[3].Code != gateway.CodeWithholdAll {
		t.Error("the snapshots activated are not the law, the draft, the law and the stop")
	}
	if _, err := os.Stat(o.world("snapshot.next.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something waits still: %v", err)
	}
}

// stopped has one officer stop all release.
func (o officer) stopped(t *testing.T) string {
	t.Helper()
	o.says(t, 0, "in force: number 4", "policy", "withhold-all", "--gateway", o.gateway(), "--key", o.key("2"))
	return o.gateway()
}
