package policy_test

import (
	"testing"

	"sluss/gateway"
)

// TestPlanned: there is a plan for what a leg carries, made once, and none for
// a role at an agency of another kind or for a leg that is not there.
func TestPlanned(t *testing.T) {
	const worker = gateway.Role("municipality.social_worker")
	p := read(t)
	tests := []struct {
		name     string
		typ      gateway.MessageType
		from, to gateway.Kind
		role     gateway.Role
		leg      int
		want     bool
	}{
		{"carried", "exit.threat_assessment", gateway.Police, gateway.Municipality, worker, 0, true},
		{"asked again", "exit.threat_assessment", gateway.Police, gateway.Municipality, worker, 0, true},
		{"role of another kind", "exit.threat_assessment", gateway.Police, gateway.Police, worker, 0, false},
		{"sender of another kind", "exit.threat_assessment", gateway.Guardian, gateway.Municipality, worker, 0, false},
		{"role on no leg", "exit.threat_assessment", gateway.Police, gateway.Municipality, "municipality.income_support_officer", 0, false},
		{"leg after the last", "exit.threat_assessment", gateway.Police, gateway.Municipality, worker, 99, false},
		{"leg before the first", "exit.threat_assessment", gateway.Police, gateway.Municipality, worker, -1, false},
		{"type", "exit.gossip", gateway.Police, gateway.Municipality, worker, 0, false},
	}
	for _, tt := range tests {
		ok, made := p.Planned(tt.typ, tt.from, tt.to, tt.role, tt.leg)
		if ok != tt.want || made != 1 {
			t.Errorf("%s: planned is %v with %d made, want %v with 1", tt.name, ok, made, tt.want)
		}
	}
}
