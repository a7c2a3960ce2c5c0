package gatewaytest_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"sluss/gateway"
)

// TestSlow connects in every way that takes for ever: the gateway ends each by
// itself, and serves others meanwhile.
func TestSlow(t *testing.T) {
	t.Parallel()
	s := &stage{World: newWorld(t)}
	start(t, s.World)
	tests := []struct {
		name    string
		connect func(*testing.T) (net.Conn, error)
		say     string
		want    string // in what comes before the end
	}{
		{"nothing", s.plain, "", ""},
		{"half a handshake", s.plain, "\x16\x03\x01\x02\x00\x01", ""},
		{"a handshake and nothing", s.secure, "", ""},
		{"half a header", s.secure, "GET /v1/directory HTTP/1.1\r\nHost: x\r\nX-Word: CANARY", ""},
		{"half a body", s.secure, "POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/sd-jwt\r\nContent-Length: 1000\r\n\r\nCANARY", `"code":"timeout"`},
		{"half a body that nobody reads", s.secure, "POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nCANARY", `"code":"not-found"`},
		{"half a chunk", s.secure, "POST /v1/poll HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nCANARY", `"code":"timeout"`},
		{"a header of 100 KB", s.secure, "GET /v1/directory HTTP/1.1\r\nHost: x\r\nX-Word: " + strings.Repeat(canary, 17_000) + "\r\n\r\n", "431 "},
		{"two lengths", s.secure, "POST /v1/poll HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", "400 "},
		{"no HTTP", s.secure, "CANARY\r\n\r\n", "400 "},
	}
	var wg sync.WaitGroup
	for _, tt := range tests {
		conn, err := tt.connect(t)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		wg.Go(func() {
			io.WriteString(conn, tt.say) // the end may come first
			conn.SetReadDeadline(time.Now().Add(60 * time.Second))
			all, err := io.ReadAll(conn)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: the connection goes on", tt.name)
			}
			if !strings.Contains(string(all), tt.want) || findCanary(all) != "" {
				t.Errorf("%s: got %q, want %q", tt.name, all, tt.want)
			}
		})
	}
	wg.Go(func() {
		r := s.request(t, policeExit)
		r.path, r.media, r.h2 = "/v1/messages", "application/sd-jwt", true
		slow(true)(r)
		if a, err := r.send(); err != nil || a.status != 408 || a.code != gateway.CodeTimeout {
			t.Errorf("half a body over HTTP/2: %d %q, %v", a.status, a.code, err)
		}
	})
	s.await(t, policeExit, "")
	wg.Wait()
	s.await(t, policeExit, "")
	if !live(s.World) {
		t.Error("the process has ended")
	}
	stop(t, s.World)
	searchWorld(t, s.World)
	if got := refusalsIn(t, s.database(t))[cause{policeExit.agency, gateway.CodeTimeout}]; got != 3 {
		t.Errorf("the log has %d bodies that did not come, want 3", got)
	}
}

// plain connects without TLS.
func (s *stage) plain(*testing.T) (net.Conn, error) { return net.Dial("tcp", s.Agencies) }

// secure connects as the police.
func (s *stage) secure(t *testing.T) (net.Conn, error) {
	config := s.tls(t, policeExit)
	config.NextProtos = []string{"http/1.1"}
	return tls.Dial("tcp", s.Agencies, config)
}
