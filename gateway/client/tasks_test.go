package client_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"sluss/gateway/client"
	"sluss/gateway/envelope"
)

// TestTask reads what notices ask; what does not say what its event must say is
// no task.
func TestTask(t *testing.T) {
	const id = "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8058"
	for _, tt := range []struct {
		name   string
		event  envelope.EventType
		claims string
		asks   bool
		want   error
	}{
		{"review", envelope.ReviewRequested, `{"type":"exit.transition","fields":["release_date"],"reason":"NO-DECISION","recipient":"urn:sluss:agency:municipality:0180","role":"municipality.exit_team_lead","obligations":["review_task"],"due":1795219200}`, true, nil},
		{"alert", envelope.Alert, `{"obligation":"recall_notice","type":"exit.threat_assessment","recipient":"urn:sluss:agency:municipality:0180","role":"r.s"}`, true, nil},
		{"end of one", envelope.ReviewEnded, `{"ended":"decided","recipient":"urn:sluss:agency:municipality:0180","role":"r.s"}`, true, nil},
		{"break-glass", envelope.EmergencyAccess, `{"stage":"read","asker":"urn:sluss:agency:police","discloser":"urn:sluss:agency:municipality:0180"}`, true, nil},
		{"proof of receipt", envelope.MessageReceived, `{}`, false, nil},
		{"unknown member", envelope.ReviewRequested, `{"name":"CANARY"}`, false, client.ErrNotice},
		{"recipient that is no agency", envelope.ReviewRequested, `{"recipient":"CANARY"}`, false, client.ErrNotice},
		{"question without a request", envelope.InfoRequested, `{}`, true, client.ErrNotice},
		{"question with something else", envelope.InfoRequested, `{"request":"e30.e30.e30"}`, true, client.ErrNotice},
	} {
		n := client.Notice{Event: envelope.Event{Type: tt.event, Message: id, Claims: json.RawMessage(tt.claims)}}
		task, ok, err := n.Task()
		if ok != tt.asks || !errors.Is(err, tt.want) {
			t.Errorf("%s: asks %v, %v; want %v, %v", tt.name, ok, err, tt.asks, tt.want)
		}
		if tt.event == envelope.Alert && (len(task.Obligations) != 1 || task.Obligations[0] != "recall_notice" || task.Role != "r.s") {
			t.Errorf("%s: got %+v", tt.name, task)
		}
		if tt.name == "review" && (task.About != id || task.Recipient != "municipality:0180" || !task.Due.Equal(time.Unix(1795219200, 0)) || !task.Expires.IsZero()) {
			t.Errorf("%s: got %+v", tt.name, task)
		}
	}
}
