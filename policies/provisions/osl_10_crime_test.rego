package provisions_test

# purposes_of says for which purposes a basis of this file is there.
purposes_of := {
	"OSL-10-15A": {"CRIME_PREVENTION", "CRIME_INVESTIGATION", "WRONG_PAYMENT"},
	"OSL-10-18B": {"CRIME_PREVENTION", "CRIME_INVESTIGATION"},
	"OSL-10-18C": {"CRIME_PREVENTION", "CRIME_INVESTIGATION", "PROTECTION"},
	"OSL-10-21": {"CRIME_INVESTIGATION"},
	"OSL-10-22": {"CRIME_INVESTIGATION"},
	"OSL-10-22A": {"CRIME_INVESTIGATION"},
	"OSL-10-23": {"CRIME_INVESTIGATION"},
	"OSL-10-24": {"CRIME_INVESTIGATION"},
}

all_purposes := {
	"EXIT_SUPPORT", "PROTECTION", "RELOCATION", "CARE", "CHILD_PROTECTION", "SENTENCE", "CRIME_PREVENTION", "CRIME_INVESTIGATION",
	"GRANT", "WRONG_PAYMENT", "VETTING", "STATISTICS", "LEGAL_REVIEW", "AUDIT", "SUBJECT_ACCESS", "EMERGENCY",
}

test_crime_opens_only_for_the_purposes_that_the_rule_names if {
	every basis, purposes in purposes_of {
		{p | some p in all_purposes; basis in granted({"purpose": p})} == purposes
	}
}

test_future_crime_of_the_young_ends_at_21 if {
	young := also({"purpose": "CRIME_PREVENTION"}, facts({"under_21": true}))
	"OSL-10-18A" in granted(young)
	not "OSL-10-18A" in granted({"purpose": "CRIME_PREVENTION"})
	not "OSL-10-18A" in granted(also(young, {"purpose": "CRIME_INVESTIGATION"}))
}

test_police_action_for_a_child_needs_a_child_and_police_on_the_scene if {
	found := facts({"under_18": true, "on_scene": true})
	"OSL-10-20" in granted(found)
	"OSL-10-20" in granted(also(found, {"purpose": "CRIME_PREVENTION"}))
	not "OSL-10-20" in granted(facts({"under_18": true}))
	not "OSL-10-20" in granted(facts({"on_scene": true}))
	not "OSL-10-20" in granted(also(found, {"purpose": "EXIT_SUPPORT"}))
}
