package dev

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
)

// gatewayFile is the configuration of command gateway, as far as a development
// world needs it. Paths are seen from gateway/, where it lies.
type gatewayFile struct {
	Gateway    string   `json:"gateway"`
	Log        string   `json:"log"`
	Domain     string   `json:"domain"`
	Listen     string   `json:"listen"`
	Operations string   `json:"operations"`
	Data       string   `json:"data"`
	State      string   `json:"state"`
	TLS        tlsFiles `json:"tls"`
	Keys       keyURIs  `json:"keys"`
	Directory  string   `json:"directory"`
	Snapshot   string   `json:"snapshot"`
	Pins       string   `json:"pins"`
}

type tlsFiles struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Authorities string `json:"authorities"`
}

type keyURIs struct {
	Release    string `json:"release"`
	Checkpoint string `json:"checkpoint"`
	KEK        string `json:"kek"`
}

// configure writes the gateway's configuration if there is none: a person may
// have changed it. The type config of command gateway documents it.
func (w *world) configure() error {
	const name = "gateway/gateway.json"
	port, err := port(w.cfg.URL)
	if err != nil {
		return err
	}
	if _, err := os.Stat(w.path(name)); err == nil {
		return nil
	}
	local := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	return w.writeJSON(name, gatewayFile{
		Gateway: string(w.id), Log: w.log(), Domain: w.cfg.Domain,
		Listen: local(port), Operations: cmp.Or(w.cfg.Operations, local(port+1)),
		Data: "data", State: "state",
		TLS:       tlsFiles{Certificate: "tls.pem", Key: "file:tls.key", Authorities: "../ca/systems.pem"},
		Keys:      keyURIs{Release: "file:release.key", Checkpoint: "file:checkpoint.key", KEK: "file:kek"},
		Directory: "../directory.json", Snapshot: "../snapshot.json", Pins: "pins.json",
	})
}

// port returns the port in the gateway's URL. The next one is for operations.
func port(raw string) (int, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" {
		return 0, fmt.Errorf("%w: URL is not https://host:port", ErrConfig)
	}
	if u.Port() == "" {
		return 443, nil
	}
	n, err := strconv.Atoi(u.Port())
	if err != nil || n < 1 || n > 65534 {
		return 0, fmt.Errorf("%w: port of URL", ErrConfig)
	}
	return n, nil
}
