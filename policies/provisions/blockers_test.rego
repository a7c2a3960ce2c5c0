package provisions_test

test_nothing_is_blocked_for_the_responsible_municipality_but_the_identity_link if restricted({}) == {"BLK-PIL"}

test_the_identity_link_is_for_the_personal_security_unit if {
	restricted(actor("POL", "police.personal_security_officer")) == set()
}

test_a_municipality_without_responsibility_does_not_learn_the_place if {
	stranger := facts({"actor_responsible": false})
	"BLK-LOC-MUNICIPALITY" in restricted(stranger)
	"BLK-LOC-MUNICIPALITY" in restricted(facts({"actor_responsible": false, "actor_previous": true}))
	not "BLK-LOC-MUNICIPALITY" in restricted(facts({"actor_responsible": false, "actor_receiving": true}))
	not "BLK-LOC-MUNICIPALITY" in restricted(also(stranger, {"same_agency": true}))
	not "BLK-LOC-MUNICIPALITY" in restricted(also(stranger, {"type": "exit.emergency_access"}))
}

test_a_guardian_of_a_protected_person_does_not_learn_the_place if {
	"BLK-LOC-GUARDIAN" in restricted(also(guardian, facts({"protected": true})))
	not "BLK-LOC-GUARDIAN" in restricted(guardian)
	not "BLK-LOC-GUARDIAN" in restricted(also(guardian, also({"same_agency": true}, facts({"protected": true}))))
}

test_a_provider_learns_an_address_where_it_houses_the_person if {
	"BLK-LOC-PROVIDER" in restricted(provider)
	not "BLK-LOC-PROVIDER" in restricted(also(provider, facts({"housing_assignment": true})))
	not "BLK-LOC-PROVIDER" in restricted(also(provider, {"same_agency": true}))
}

test_the_place_in_an_emergency_is_for_police_who_name_the_operation if {
	glass := {"type": "exit.emergency_access"}
	coordinator := also(glass, actor("POL", "police.exit_coordinator_regional"))
	"BLK-LOC-EMERGENCY" in restricted(glass)
	"BLK-LOC-EMERGENCY" in restricted(also(glass, facts({"operation_named": true})))
	"BLK-LOC-EMERGENCY" in restricted(coordinator)
	not "BLK-LOC-EMERGENCY" in restricted(also(coordinator, facts({"operation_named": true})))
	not "BLK-LOC-EMERGENCY" in restricted(also(glass, actor("POL", "police.personal_security_officer")))
	not "BLK-LOC-EMERGENCY" in restricted({})
}

test_an_old_threat_assessment_is_stale if {
	"BLK-STALE" in restricted(facts({"assessment_valid": false}))
	not "BLK-STALE" in restricted(also(facts({"assessment_valid": false}), {"type": "exit.joint_plan"}))
}

test_a_protected_persons_place_is_not_explained_to_a_provider if {
	"BLK-LOC-NO-BASIS" in restricted(also(provider, facts({"protected": true})))
	not "BLK-LOC-NO-BASIS" in restricted(provider)
	not "BLK-LOC-NO-BASIS" in restricted(facts({"protected": true}))
}

test_sums_that_show_one_payee_are_withheld if {
	report := {"type": "exit.followup_report"}
	"BLK-CELL-MONEY" in restricted(report)
	not "BLK-CELL-MONEY" in restricted(also(report, {"table": {"money_shown": true}}))
	not "BLK-CELL-MONEY" in restricted({})
}

test_sums_that_nobody_has_looked_at_are_withheld if {
	report := {"type": "exit.followup_report"}
	"BLK-CELL-UNSEEN" in restricted(report)
	not "BLK-CELL-UNSEEN" in restricted(also(report, {"table": {"checked": true}}))
	not "BLK-CELL-UNSEEN" in restricted({})
}
