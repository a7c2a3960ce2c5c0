package envelope

// Canonical is canonical, for FuzzCanonical to compare with encoding/base64.
var Canonical = canonical

// Forms are the forms by name, for TestForms to compare with regular expressions.
var Forms = map[string]func(string) bool{
	"word": word.matches, "fieldName": fieldName.matches, "refForm": refForm.matches, "cellID": cellID.matches, "nonce": nonce.matches,
}
