package provisions_test

test_care_is_followed_up_while_it_lasts if {
	"LVU-14A" in granted(facts({"in_sis_care": true}))
	not "LVU-14A" in granted({})
}

test_assistance_is_asked_for_in_a_single_request if {
	"LVU-43B" in granted({"type": "exit.info_request"})
	not "LVU-43B" in granted({})
}
