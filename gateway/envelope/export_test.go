package envelope

// Canonical is canonical, for FuzzCanonical to compare with encoding/base64.
var Canonical = canonical
