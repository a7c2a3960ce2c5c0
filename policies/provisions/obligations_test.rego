package provisions_test

always := {
	"OBLIGATION-LOG", "OBLIGATION-REVIEW-TASK", "OBLIGATION-LEGAL-OFFICER", "OBLIGATION-REVIEW-ITEM", "OBLIGATION-RESERVATION",
	"OBLIGATION-NEUTRAL", "OBLIGATION-ALERT-SUPERVISOR", "OBLIGATION-ALERT-SECURITY",
}

test_some_obligations_depend_on_the_result_only if always - obliged({"type": "exit.joint_plan"}) == set()

test_aliases_stand_for_agencies_outside_the_circle_that_may_know if {
	stranger := {"actor_responsible": false}
	not "OBLIGATION-ALIAS" in obliged(facts(stranger))
	"OBLIGATION-ALIAS" in obliged(facts(object.union(stranger, {"protected": true})))
	"OBLIGATION-ALIAS" in obliged(facts(object.union(stranger, {"moved": true})))
	moved := facts(object.union(stranger, {"moved": true}))
	not "OBLIGATION-ALIAS" in obliged(also(moved, facts({"actor_responsible": true})))
	not "OBLIGATION-ALIAS" in obliged(also(moved, facts({"actor_receiving": true})))
	not "OBLIGATION-ALIAS" in obliged(also(moved, actor("POL", "police.exit_coordinator_regional")))
	not "OBLIGATION-ALIAS" in obliged(also(moved, actor("SELF", "subject.self")))
	not "OBLIGATION-ALIAS" in obliged(also(moved, {"same_agency": true}))
}

test_personal_security_is_consulted_about_protected_persons if {
	"OBLIGATION-CONSULT" in obliged(facts({"protected": true}))
	not "OBLIGATION-CONSULT" in obliged({})
}

test_a_threat_assessment_shows_its_validity_or_its_end if {
	"OBLIGATION-VALIDITY" in obliged({})
	not "OBLIGATION-VALIDITY" in obliged({"type": "exit.joint_plan"})
	"OBLIGATION-EXPIRED" in obliged(facts({"assessment_valid": false}))
	not "OBLIGATION-EXPIRED" in obliged({})
	not "OBLIGATION-EXPIRED" in obliged(also({"type": "exit.joint_plan"}, facts({"assessment_valid": false})))
}

test_the_case_owner_is_alerted_about_guardians_and_lapsed_providers if {
	"OBLIGATION-ALERT-GUARDIAN" in obliged(guardian)
	not "OBLIGATION-ALERT-GUARDIAN" in obliged({})
	held := obliged(facts({"provider_revoked": true}))
	"OBLIGATION-ALERT-PROVIDER" in held
	"OBLIGATION-REVOKE-LINKS" in held
	not "OBLIGATION-ALERT-PROVIDER" in obliged({})
	not "OBLIGATION-REVOKE-LINKS" in obliged({})
}

test_a_withdrawn_consent_is_recalled if {
	"OBLIGATION-RECALL" in obliged(facts({"consent_withdrawn_since_queued": true}))
	not "OBLIGATION-RECALL" in obliged({})
}

test_entries_are_left_out_for_the_person_only if {
	extract := {"type": "exit.log_extract"}
	"OBLIGATION-OMIT" in obliged(also(extract, actor("SELF", "subject.self")))
	not "OBLIGATION-OMIT" in obliged(extract)
	not "OBLIGATION-OMIT" in obliged(actor("SELF", "subject.self"))
}

test_authorities_learn_how_to_appeal if {
	"OBLIGATION-APPEAL" in obliged({})
	not "OBLIGATION-APPEAL" in obliged(provider)
}

test_break_glass_has_its_own_obligations if {
	glass := {
		"OBLIGATION-READ-ONLY", "OBLIGATION-WATERMARK", "OBLIGATION-NOTIFY", "OBLIGATION-REVIEW-24",
		"OBLIGATION-CONFIRM",
	}
	glass - obliged({"type": "exit.emergency_access"}) == set()
	glass & obliged({}) == set()
	not "OBLIGATION-CONFIRM" in obliged(also({"type": "exit.emergency_access"}, facts({"confirmed": true})))
}
