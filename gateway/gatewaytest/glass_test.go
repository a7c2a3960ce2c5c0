package gatewaytest_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
)

// ctl runs gatewayctl as the system of a party and reads what it prints as JSON.
func (s *stage) ctl(t *testing.T, p party, stdin string, into any, args ...string) error {
	t.Helper()
	args = append([]string{args[0], args[1], "--json", "--config", s.file(p, "client.json")}, args[2:]...)
	cmd := exec.Command(filepath.Join(filepath.Dir(binary), "gatewayctl"), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Logf("gatewayctl %s: %v %s", strings.Join(args[:2], " "), err, stderr.String())
		return err
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(stdout.Bytes(), into); err != nil {
		t.Fatalf("gatewayctl %s printed %s: %v", strings.Join(args[:2], " "), stdout.String(), err)
	}
	return nil
}

// toDo is what message tasks prints of a task.
type toDo struct {
	Event       envelope.EventType `json:"event"`
	About       gateway.MessageID  `json:"txn"`
	Stage       string             `json:"stage"`
	Fields      []gateway.Field    `json:"fields"`
	Discloser   gateway.AgencyID   `json:"discloser"`
	Subject     gateway.Ref        `json:"subject"`
	Obligations []string           `json:"obligations"`
	Due         string             `json:"due"`
}

// TestBreakGlassByHand does the whole of break-glass from the command line, over
// real sockets: an official asks, hears nothing of whether there is anybody, a
// colleague confirms, the municipality answers, the official's function reads,
// and the legal officer has a review to do.
func TestBreakGlassByHand(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	person, user := s.cast.Person(), gateway.NewRef()
	emergency := `{"threat_to_life": true, "diary_no": "5000-K1/26", "reauthenticated": true}`
	ask := func(user gateway.Ref) []string {
		return []string{"--to", "municipality:0180", "--role", "police.exit_coordinator_regional", "--user", string(user), "--subject", string(person),
			"--fields", "risk_level,safety_note", "--reason", "immediate_danger", "--reason-length", "60", "--emergency", emergency}
	}
	request := func(user gateway.Ref) []string {
		return append([]string{"message", "request", "--purpose", "EMERGENCY", "--type", "exit.emergency_access"}, ask(user)...)
	}
	var receipt struct {
		ID gateway.MessageID `json:"jti"`
	}
	if err := s.ctl(t, policeExit, "", &receipt, request(user)...); err != nil {
		t.Fatal(err)
	}
	if s.ctl(t, policeExit, "", nil, request(user)...) == nil {
		t.Error("the same user asks again before anybody has confirmed")
	}
	confirm := append([]string{"message", "confirm", string(receipt.ID)}, ask(user)...)
	if s.ctl(t, policeExit, "", nil, confirm...) == nil {
		t.Error("the same user confirms")
	}
	confirm = append([]string{"message", "confirm", string(receipt.ID)}, ask(gateway.NewRef())...)
	if err := s.ctl(t, policeExit, "", nil, confirm...); err != nil {
		t.Fatal(err)
	}

	var tasks []toDo
	if err := s.ctl(t, townExit, "", &tasks, "message", "tasks", "--role", "municipality.social_worker", "--ack"); err != nil {
		t.Fatal(err)
	}
	if len(tasks) != 3 || tasks[0].About != receipt.ID {
		t.Fatalf("the municipality's tasks are %+v, want the request, and word of it and of its confirmation", tasks)
	}
	s.answerByHand(t, person, receipt.ID)
	var box struct {
		Messages []struct {
			Allowed map[gateway.Field]gateway.Basis `json:"allowed"`
		} `json:"messages"`
	}
	if err := s.ctl(t, policeExit, "", &box, "message", "poll", "--role", "police.exit_coordinator_regional", "--wait", "0s", "--ack"); err != nil {
		t.Fatal(err)
	}
	if len(box.Messages) != 1 || box.Messages[0].Allowed["risk_level"] != "BRB-24-4" {
		t.Fatalf("the police get %+v", box)
	}
	s.reviewByHand(t, person, receipt.ID)
	s.verified(t)
	if kinds := kindsIn(t, s.database(t)); kinds[disclosure.Reviewed] != 2 || kinds[disclosure.Incident] != 1 {
		t.Errorf("entries %v, want 2 reviews, one of them an incident", kinds)
	}
}

// answerByHand has the municipality answer a request for break-glass.
func (s *stage) answerByHand(t *testing.T, person gateway.Ref, request gateway.MessageID) {
	t.Helper()
	answer, err := json.Marshal(map[string]any{"type": "exit.emergency_access", "aud": "police", "to_roles": []string{"police.exit_coordinator_regional"},
		"from_role": "municipality.social_worker", "purpose": "EMERGENCY", "txn": gateway.NewRef(), "sub_ref": person, "reply_to": request,
		"fields": []string{"risk_level", "safety_note"}, "reason": map[string]any{"code": "immediate_danger", "length": 60},
		"data": map[string]any{"risk_level": 4, "safety_note": "CANARY"}})
	if err != nil {
		t.Fatal(err)
	}
	seal := exec.Command(filepath.Join(filepath.Dir(binary), "gatewayctl"), "message", "seal", "--config", s.file(townExit, "client.json"))
	seal.Stdin = bytes.NewReader(answer)
	token, err := seal.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ctl(t, townExit, string(token), nil, "message", "send"); err != nil {
		t.Fatal(err)
	}
}

// reviewByHand has the legal officers of both agencies review it, each once.
func (s *stage) reviewByHand(t *testing.T, person gateway.Ref, request gateway.MessageID) {
	t.Helper()
	for _, officer := range []party{{"municipality:0180", "review"}, {"police", "review"}} {
		var tasks []toDo
		if err := s.ctl(t, officer, "", &tasks, "message", "tasks", "--role", "agency.legal_officer", "--ack"); err != nil {
			t.Fatal(err)
		}
		var stages []string
		reviews := 0
		for _, task := range tasks {
			stages = append(stages, task.Stage)
			if task.Event == envelope.ReviewRequested && task.Due != "" && task.Subject == person {
				reviews++
			}
		}
		if len(tasks) != 4 || reviews != 1 {
			t.Errorf("the legal officer of %s has %d reviews and hears of %q", officer.agency, reviews, stages)
		}
		review := []string{"message", "review", string(request), "--user", string(gateway.NewRef()), "--outcome", "justified"}
		if officer.agency == "police" {
			review[len(review)-1] = "incident"
		}
		if err := s.ctl(t, officer, "", nil, review...); err != nil {
			t.Error(err)
		}
		if s.ctl(t, officer, "", nil, review...) == nil {
			t.Error("a review ends twice")
		}
	}
}
