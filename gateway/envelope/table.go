package envelope

// Party is a kind of party in [Table].
type Party string

// The kinds of party.
const (
	Agency    Party = "agency"
	Gateway   Party = "gateway"
	Registrar Party = "registrar"
	Officer   Party = "officer"
	Anyone    Party = "anyone" // no aud: whoever reads it
)

// Profile is one kind of token: its typ is signed with keys of one use, by one
// kind of party, for one kind of party, and goes to one place (RFC 8725,
// Section 3.11).
type Profile struct {
	Type     string
	Use      Use
	Issuer   Party
	Audience Party
	Place    string
}

// Table is the closed table of what is signed. A token of one row never passes
// for one of another: typ and use differ in every pair of rows that go to the
// same place.
func Table() []Profile {
	return []Profile{
		{TypMessage, UseMessage, Agency, Agency, "POST /v1/messages"},
		{TypMessage, UseMessage, Agency, Gateway, "POST /v1/messages"}, // control messages
		{TypKeyBinding, UseRelease, Gateway, Agency, "after the last ~ of a release"},
		{TypAccess, UseAccess, Agency, Gateway, "header Access-Request"},
		{TypEvent, UseMessage, Agency, Agency, "POST /v1/poll, request"},
		{TypEvent, UseMessage, Agency, Gateway, "POST /v1/poll, request"},
		{TypEvent, UseRelease, Gateway, Agency, "POST /v1/poll, response"},
		{TypStatement, UseControl, Agency, Anyone, "the directory"},
		{TypStatement, UseControl, Gateway, Anyone, "the directory"},
		{TypCountersignature, UseRegistrar, Registrar, Anyone, "the directory"},
		{TypApproval, UseOfficer, Officer, Gateway, "the policy snapshot"},
	}
}
