package provisions_test

test_what_carries_a_value_goes_with_it_in_messages_between_agencies if {
	adjusted({}) == {"CARRIER"}
	adjusted({"type": "exit.info_request"}) == set()
}

test_a_health_message_of_a_region_is_kept_together if {
	health := {"type": "exit.health_coordination"}
	region := {"discloser": {"kind": "REG", "role": "region.psychiatry_clinician"}}
	"PATIENT" in adjusted(also(health, region))
	not "PATIENT" in adjusted(health)
	not "PATIENT" in adjusted(region)
}

test_an_emergency_is_the_emergency_message if {
	"EMERGENCY" in adjusted({"type": "exit.emergency_access"})
	not "EMERGENCY" in adjusted({"purpose": "EMERGENCY"})
}
