package provisions_test

test_care_opens_to_care_for_care if {
	"OSL-25-12" in granted({"purpose": "CARE"})
	"OSL-25-13" in granted({"purpose": "CARE"})
	not "OSL-25-12" in granted({})
	not "OSL-25-13" in granted({})
}

test_social_services_open_for_care_and_support if {
	"OSL-26-9" in granted({"purpose": "CARE"})
	"OSL-26-9" in granted({"purpose": "EXIT_SUPPORT"})
	not "OSL-26-9" in granted({"purpose": "CRIME_PREVENTION"})
}

test_youth_supervision_reaches_authorities_only if {
	"OSL-26-9B" in granted({})
	not "OSL-26-9B" in granted(provider)
}

test_sis_to_police_is_about_crime if {
	"OSL-26-9E" in granted({"purpose": "CRIME_PREVENTION"})
	"OSL-26-9E" in granted({"purpose": "CRIME_INVESTIGATION"})
	not "OSL-26-9E" in granted({"purpose": "EXIT_SUPPORT"})
}

test_the_placing_board_is_an_authority if {
	"OSL-26-14D" in granted({})
	not "OSL-26-14D" in granted(provider)
}

test_feedback_to_a_reporter_is_not_for_the_gateway if not "OSL-26-9A" in granted({"claimed": ["OSL-26-9A"]})
