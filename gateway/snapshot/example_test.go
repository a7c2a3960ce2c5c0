package snapshot_test

import (
	"fmt"
	"testing/fstest"

	"sluss/gateway/snapshot"
)

func ExampleRead() {
	policy := fstest.MapFS{
		"data/kinds.json":         {Data: []byte(`{"kinds": {}}`)},
		"provisions/consent.rego": {Data: []byte("package provisions\n")},
		"README.md":               {Data: []byte("not part of it")},
	}
	s, err := snapshot.Read(policy, "v1.22.2")
	fmt.Printf("%s%s %v\n", s.Manifest(), s.Digest(), err)
	// Output:
	// sluss-snapshot/1 opa v1.22.2
	// 02d2e2e4949c1bf66a04c027bc612c4ea84b1cbc634c5e9e03cd94a302ecd631  data/kinds.json
	// 7d35ddcf08e266cf6bec5932dd006320f7860dca2a50ce108ebb38e302f52594  provisions/consent.rego
	// m6PDqhi27gR8k2rcrzRgozFLEEeP1piBf100UZsdyE0 <nil>
}
