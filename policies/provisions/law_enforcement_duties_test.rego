package provisions_test

contact := {"type": "exit.info_request", "purpose": "CRIME_INVESTIGATION"}

test_contact_details_are_given_on_request_for_law_enforcement if {
	"L170-4" in granted(contact)
	"L170-4" in granted(also(contact, {"purpose": "CRIME_PREVENTION"}))
	emergency := {"type": "exit.emergency_access", "purpose": "EMERGENCY"}
	"L170-4" in granted(emergency)
	"L170-4" in granted(also(emergency, facts({"asked": false})))
	every change in [{"type": "exit.joint_plan"}, {"purpose": "PROTECTION"}, facts({"asked": false})] {
		not "L170-4" in granted(also(contact, change))
	}
}

test_exceptional_reasons_are_weighed_by_hand if {
	not "L170-4-EXCEPTIONAL" in by_hand(contact)
	"L170-4-EXCEPTIONAL" in by_hand(also(contact, facts({"protected": true})))
	"L170-4-EXCEPTIONAL" in by_hand(also(contact, facts({"elevated_threat": true})))
	"L170-4-EXCEPTIONAL" in by_hand(also(contact, {"discloser": {"kind": "PRV", "role": "provider.case_worker"}}))
}

test_other_than_contact_details_are_weighed_by_hand if {
	"L170-4-OTHER-CLASS" in by_hand(contact)
	"L170-4-OTHER-CLASS" in by_hand({"type": "exit.emergency_access"})
	not "L170-4-OTHER-CLASS" in by_hand({})
}

test_the_general_duty_of_state_agencies_is_about_crime if {
	"L170-5" in granted({"purpose": "CRIME_PREVENTION"})
	"L170-5" in granted({"purpose": "CRIME_INVESTIGATION"})
	not "L170-5" in granted({})
}

test_duties_outside_the_gateway_never_hold if {
	held := granted({"claimed": ["L170-6", "FOL-17A", "L774-2"]})
	every basis in ["L170-6", "FOL-17A", "L774-2"] { not basis in held }
}

test_duties_without_conditions_are_for_whoever_is_connected if {
	every basis in ["PL-6", "LFP-5", "PSL-6-15"] {
		basis in granted({})
		not basis in granted(actor("", ""))
	}
}
