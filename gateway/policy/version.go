package policy

import "github.com/open-policy-agent/opa/v1/version"

// Engine returns the version of the policy engine, "v1.22.2". It is part of a
// snapshot's digest: what was approved is what decides, engine included.
func Engine() string { return "v" + version.Version }
