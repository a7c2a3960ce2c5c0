package provisions_test

import data.provisions

test_the_decision_is_defined_whatever_is_asked if {
	d := provisions.decision with input as {} with data.catalogue as {}
	{k | some k, _ in d} == {"stop", "grant", "by_hand", "restriction", "adjustment", "obligation"}
}

test_an_empty_request_is_stopped_and_opens_nothing if {
	d := provisions.decision with input as {} with data.catalogue as {}
	"STAGE-01-LOG" in d.stop
	d.grant == set()
}

test_location_and_other_persons_are_not_shown_as_reasons if {
	provisions.constants.shown["BLK-LOC"] == "NO-BASIS"
	provisions.constants.shown["BLK-3P"] == "NO-BASIS"
}

test_every_curable_reason_is_one_of_a_refusal if {
	every reason in provisions.constants.curable { reason in array.concat(provisions.constants.deny_order, ["MANUAL"]) }
}

test_what_is_outside_the_gateway_holds_nowhere if provisions.never == set()
