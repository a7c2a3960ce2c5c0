package gatewaytest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluss/gateway/gatewaytest"
)

// spellings are the forms in which the canary word can lie in bytes, by name:
// as it is, in hexadecimal, escaped in JSON or a URL, and in base64 at each of
// the three places at which it can begin in a group. Of base64 only those
// characters are looked for that stand for the word alone.
var spellings = func() map[string][]byte {
	upper := []byte(canary)
	all := map[string][]byte{
		"plain": upper, "hexadecimal": []byte(hex.EncodeToString(upper)), "HEXADECIMAL": []byte(strings.ToUpper(hex.EncodeToString(upper))),
		"JSON escapes":     []byte(each(upper, `\u%04x`)),
		"JSON ESCAPES":     []byte(each(upper, `\u%04X`)),
		"percent encoding": []byte(each(upper, "%%%02X")),
		"UTF-16":           []byte(each(upper, "%c\x00")),
		"reversed":         reversed(upper),
	}
	for name, enc := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
		for shift := range 3 {
			text := enc.EncodeToString(append(make([]byte, shift), upper...))
			first := (shift*8 + 5) / 6
			last := (shift + len(upper)) * 8 / 6
			all[fmt.Sprintf("%s at %d", name, shift)] = []byte(text[first:last])
		}
	}
	return all
}()

func each(word []byte, format string) string {
	var b strings.Builder
	for _, c := range word {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func reversed(word []byte) []byte {
	out := bytes.Clone(word)
	for i := range out {
		out[i] = word[len(word)-1-i]
	}
	return out
}

// findCanary returns in which spelling the canary stands in b, "" if in none.
func findCanary(b []byte) string {
	for name, s := range spellings {
		if bytes.Contains(b, s) {
			return name
		}
	}
	return ""
}

// searchFiles returns where below a directory the canary lies, in the content
// of a file or in its name.
func searchFiles(dir string) (found []string, files int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a file of the log's, renamed meanwhile
		}
		if err != nil {
			return err
		}
		defer f.Close()
		raw, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		files++
		for _, b := range [][]byte{raw, []byte(filepath.Base(path))} {
			if name := findCanary(b); name != "" {
				found = append(found, fmt.Sprintf("%s (%s)", path, name))
			}
		}
		return nil
	})
	return found, files, err
}

// searchWorld wants no canary in anything that a gateway, or a client, wrote,
// and no agency in the process log.
func searchWorld(t *testing.T, w *gatewaytest.World) {
	t.Helper()
	found, files, err := searchFiles(w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Errorf("only %d files were searched", files)
	}
	for _, f := range found {
		t.Errorf("the canary is in %s", f)
	}
	log, err := os.ReadFile(w.Log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		for _, word := range []string{"police", "municipality", "kriminalvarden", "provider", "165560004615"} {
			if strings.Contains(line, word) {
				t.Errorf("the process log points at an agency: %s", line)
			}
		}
	}
}

// TestCanaryIsFound plants the canary in each spelling and wants the search to
// find it, and nothing where there is none.
func TestCanaryIsFound(t *testing.T) {
	t.Parallel()
	enc := base64.StdEncoding.EncodeToString
	planted := map[string]string{
		"plain":       "x" + canary + "y",
		"JSON":        `{"a":"\u0043\u0041\u004e\u0041\u0052\u0059"}`,
		"hexadecimal": hex.EncodeToString([]byte("x" + canary + "y")),
		"base64 0":    enc([]byte(canary + " and more")),
		"base64 1":    enc([]byte("1" + canary + " and more")),
		"base64 2":    enc([]byte("12" + canary + " and more")),
		"base64 3":    enc([]byte("123" + canary)),
		"base64url 1": base64.RawURLEncoding.EncodeToString([]byte("\xff" + canary + "\xff")),
		"late":        strings.Repeat("x", 1<<20) + canary,
	}
	for name, content := range planted {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if found, _, err := searchFiles(dir); err != nil || len(found) != 1 {
			t.Errorf("%s: found %v, %v", name, found, err)
		}
	}
	clean := t.TempDir()
	if err := os.WriteFile(filepath.Join(clean, "file"), []byte("CANAR Y canare Q0FOQVI="), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, _, err := searchFiles(clean); err != nil || len(found) != 0 {
		t.Errorf("clean: found %v, %v", found, err)
	}
}

// TestStoryLeavesNoCanary plays the story, in whose every value the canary
// stands, and wants it nowhere but where recipients open it.
func TestStoryLeavesNoCanary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	metrics := watchMetrics(t, w)
	var told bytes.Buffer
	if err := gatewaytest.Play(t.Context(), w, &told); err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	if at := findCanary(metrics()); at != "" {
		t.Errorf("the canary is in the metrics, %s", at)
	}
	if at := findCanary(told.Bytes()); at != "" {
		t.Errorf("the canary is in what the story tells, %s", at)
	}
	searchWorld(t, w)
}

// watchMetrics reads the metrics until it is asked for all that it has read.
func watchMetrics(t *testing.T, w *gatewaytest.World) func() []byte {
	t.Helper()
	end, done := make(chan struct{}), make(chan []byte)
	go func() {
		var all bytes.Buffer
		for {
			if text, err := w.Metrics(); err == nil {
				all.WriteString(text)
			}
			select {
			case <-end:
				done <- all.Bytes()
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() []byte {
		close(end)
		all := <-done
		if !bytes.Contains(all, []byte("gateway_ingress_requests_total")) {
			t.Error("no metrics were read")
		}
		return all
	}
}
