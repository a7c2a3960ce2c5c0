package exchange_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"sluss/gateway"
	"sluss/gateway/envelope"
	"sluss/gateway/exchange"
	"sluss/gateway/keys"
)

// BenchmarkExchange is what the gateway does for one exchange (submit, poll,
// acknowledge), without sockets and without the clients: the place to profile.
func BenchmarkExchange(b *testing.B) {
	m := newMatter(b)
	signer := first(envelope.NewSigner(first(keys.LoadEC("file:" + m.file("agencies/municipality-0180/exit/message.key")))))
	tokens := make([][]byte, b.N)
	for i := range tokens {
		tokens[i] = m.assessment()
	}
	none := 0
	b.ResetTimer()
	for _, token := range tokens {
		a, err := m.x.Submit(b.Context(), m.police.peer, token)
		if err != nil {
			b.Fatal(err)
		}
		answer, err := m.x.Poll(b.Context(), m.town.peer, exchange.PollRequest{Role: socialWorker, ReturnImmediately: true})
		if err != nil || len(answer.Messages) != 1 {
			b.Fatal(len(answer.Messages), err)
		}
		for id := range answer.Messages {
			b.StopTimer()
			set := first(envelope.SignEvent(envelope.Event{Issuer: town.URN(), Audience: police.URN(), ID: gateway.MessageID(uuid.Must(uuid.NewV7()).URN()),
				IssuedAt: time.Now(), Message: a.ID, Type: envelope.MessageReceived}, signer))
			b.StartTimer()
			_, err := m.x.Poll(b.Context(), m.town.peer, exchange.PollRequest{Role: socialWorker, ReturnImmediately: true, MaxEvents: &none,
				Ack: []string{id}, Received: map[string]string{id: set}})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
