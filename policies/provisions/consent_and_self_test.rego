package provisions_test

test_consent_is_tried_for_purposes_that_a_consent_may_name if {
	"OSL-12-2" in granted({})
	not "OSL-12-2" in granted({"purpose": "CRIME_INVESTIGATION"})
	not "OSL-12-2" in granted({"purpose": "CURIOSITY"})
}

test_the_person_reads_about_the_person_only if {
	"OSL-12-1" in granted(actor("SELF", "subject.self"))
	not "OSL-12-1" in granted({})
	not "OSL-12-1" in granted(guardian)
}

test_a_guardian_is_answered_only_if_the_guardian_may_ask if {
	"OSL-12-3" in granted(asking_guardian)
	"OSL-12-3" in granted(also(asking_guardian, {"maturity": "guardian_alone"}))
	not "OSL-12-3" in granted({})
	every change in [
		{"maturity": "child_alone"},
		{"maturity": "none"},
		facts({"guardian_blocked": true}),
		facts({"place_hidden": true}),
		facts({"guardian_listed": false}),
		facts({"under_18": false}),
		actor("SELF", "subject.self"),
		actor("MUN", "municipality.child_social_worker"),
	] {
		not "OSL-12-3" in granted(also(asking_guardian, change))
	}
}

test_insight_as_a_party_is_for_whoever_is_connected if {
	"OSL-10-3" in granted(guardian)
	not "OSL-10-3" in granted(actor("", ""))
}
