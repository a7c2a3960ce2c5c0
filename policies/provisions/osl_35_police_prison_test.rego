package provisions_test

test_police_and_prison_rules_reach_authorities_only if {
	every basis in ["OSL-35-10B", "OSL-35-10C", "OSL-35-15A"] {
		basis in granted({})
		not basis in granted(provider)
	}
}

test_a_harm_test_may_come_out_for_anybody if {
	"OSL-HARM" in granted({})
	"OSL-HARM" in granted(provider)
}

test_the_contact_point_at_bra_is_outside_the_gateway if not "OSL-35-10E" in granted({"claimed": ["OSL-35-10E"]})
