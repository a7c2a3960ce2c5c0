package facts_test

import (
	"fmt"

	"sluss/gateway/facts"
	"sluss/policies"
)

// A consent that has ended is told apart from one that never was: the first
// can be renewed.
func ExampleDerive() {
	tables, err := facts.ReadTables(policies.FS, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	world := goodWorld()
	in := facts.Derive(world, goodQuestion(), tables, noon)
	fmt.Println(in.Facts.Protected, in.Consent["RSK"], in.Consent["FAM"])

	world.Person.Consents[0].To = 20260531
	world.Person.Marking = facts.HiddenAddress
	in = facts.Derive(world, goodQuestion(), tables, noon)
	fmt.Println(in.Facts.Protected, in.Consent["RSK"], in.Consent["FAM"])
	// Output:
	// false in_force none
	// true out_of_date none
}
