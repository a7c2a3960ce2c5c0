package catalogue_test

import (
	"fmt"
	"os"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/snapshot"
)

// A sender finds out which field keys go to the key of a role.
func ExampleCatalogue_MayOpen() {
	s, err := snapshot.Read(os.DirFS("../../policies"), "v1.22.2")
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := catalogue.Load(s)
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, _ := c.Newest("exit.joint_plan")
	trip := catalogue.Trip{Sender: "municipality.social_worker", Recipient: "municipality.income_support_officer"}
	fmt.Println(c.MayOpen(plan, trip, gateway.Municipality, false))
	// Output: [income_support_measure debt_plan next_review_date]
}
