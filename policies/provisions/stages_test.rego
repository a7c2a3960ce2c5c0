package provisions_test

test_nothing_stops_a_request_in_order if stopped({}) == set()

test_no_decision_without_the_log if "STAGE-01-LOG" in stopped(facts({"log_available": false}))

test_an_agency_that_is_not_connected_is_unknown if {
	"STAGE-02-AGENCY" in stopped(facts({"agencies_known": false}))
	"STAGE-02-AGENCY" in stopped(actor("", "municipality.social_worker"))
	"STAGE-02-AGENCY" in stopped({"discloser": {"kind": "", "role": "police.exit_coordinator_regional"}})
}

test_a_role_that_is_in_no_table_is_unknown if {
	"STAGE-02-ROLE" in stopped(actor("MUN", "municipality.mayor"))
	"STAGE-02-ROLE" in stopped({"discloser": {"kind": "POL", "role": "police.dog"}})
}

test_a_type_without_a_route_is_unknown if {
	"STAGE-02-TYPE" in stopped({"type": "exit.case_closure"})
	not "STAGE-02-TYPE" in stopped({})
	statement := {"exit.statement": {"legs": [{"recipients": {"gateway.register": true}}]}}
	"STAGE-02-TYPE" in stopped({"type": "exit.statement"}) with data.catalogue.types as statement
	"STAGE-02-TYPE" in stopped({"type": "exit.gossip"})
}

test_a_purpose_in_no_table_is_unknown if "STAGE-02-PURPOSE" in stopped({"purpose": "CURIOSITY"})

test_a_field_that_the_type_lacks_is_unknown if "STAGE-02-FIELD" in stopped({"named": ["shoe_size"]})

test_the_default_set_is_not_asked_for_where_fields_must_be_named if {
	"STAGE-02-DEFAULT" in stopped({"type": "exit.info_request"})
	"STAGE-02-DEFAULT" in stopped({"type": "exit.info_request", "named": ["phone"]})
	not "STAGE-02-DEFAULT" in stopped({"type": "exit.info_request", "default": false, "named": ["phone"]})
}

test_who_asks_for_nothing_gets_no_decision_on_fields if "STAGE-02-DEFAULT" in stopped({"default": false})

test_a_person_is_named_except_in_bulk if {
	"STAGE-02-PERSON" in stopped(facts({"subject_named": false}))
	not "STAGE-02-PERSON" in stopped(also(facts({"subject_named": false}), {"bulk": true}))
}

test_a_role_of_another_kind_of_agency_is_no_session if {
	"STAGE-03" in stopped(actor("POL", "municipality.social_worker"))
	"STAGE-03" in stopped({"discloser": {"kind": "MUN", "role": "police.exit_coordinator_regional"}})
}

test_a_role_of_every_agency_belongs_everywhere if not "STAGE-03" in stopped(actor("MUN", "agency.legal_officer"))

test_bulk_is_for_sums_only if {
	"STAGE-04" in stopped({"bulk": true})
	not "STAGE-04" in stopped({"bulk": true, "type": "exit.followup_report"})
}

test_a_leg_must_fit_both_roles if {
	"STAGE-05" in stopped(actor("POL", "police.personal_security_officer"))
	"STAGE-05" in stopped({"discloser": {"kind": "POL", "role": "police.personal_security_officer"}})
}

test_an_acute_leg_is_for_acute_messages if {
	"STAGE-05" in stopped(provider)
	not "STAGE-05" in stopped(also(provider, {"acute": true}))
}

test_a_leg_inside_an_agency_does_not_leave_it if {
	officer := actor("POL", "agency.legal_officer")
	"STAGE-05" in stopped(officer)
	not "STAGE-05" in stopped(also(officer, {"same_agency": true}))
}

test_a_role_acts_for_its_own_purposes if "STAGE-06-ROLE" in stopped({"purpose": "CRIME_INVESTIGATION"})

test_emergency_and_its_message_go_together if {
	"STAGE-06-EMERGENCY" in stopped({"purpose": "EMERGENCY"})
	"STAGE-06-MESSAGE" in stopped({"type": "exit.emergency_access"})
	not "STAGE-06-MESSAGE" in stopped({"type": "exit.emergency_access", "purpose": "EMERGENCY"})
}

emergency := {"threat_to_life": true, "reason_long": true, "diary_number": true, "reauthenticated": true, "window_open": true}

test_break_glass_needs_every_precondition if {
	glass := {"type": "exit.emergency_access", "purpose": "EMERGENCY"}
	not "STAGE-07" in stopped(also(glass, facts(emergency)))
	every condition, _ in emergency {
		"STAGE-07" in stopped(also(glass, facts(object.union(emergency, {condition: false}))))
	}
}

test_a_provider_that_is_not_approved_gets_nothing if {
	"STAGE-08-APPROVAL" in stopped(provider)
	not "STAGE-08-APPROVAL" in stopped(also(provider, facts({"provider_approved": true})))
}

test_a_provider_without_a_contract_gets_nothing_from_a_municipality if {
	municipal := {"discloser": {"kind": "MUN", "role": "municipality.social_worker"}}
	approved := facts({"provider_approved": true})
	"STAGE-08-CONTRACT" in stopped(also(also(provider, municipal), approved))
	not "STAGE-08-CONTRACT" in stopped(also(provider, approved))
	contracted := facts({"provider_approved": true, "provider_contracted": true})
	not "STAGE-08-CONTRACT" in stopped(also(also(provider, municipal), contracted))
}

test_a_conflict_of_interest_stops if "STAGE-09" in stopped(facts({"conflict_of_interest": true}))

test_a_person_not_on_record_has_no_record if "STAGE-10-A" in stopped(facts({"on_record": false}))

test_witness_protection_has_no_record_but_for_the_personal_security_unit if {
	hidden := facts({"psw": true})
	"STAGE-10-B" in stopped(hidden)
	not "STAGE-10-B" in stopped(also(hidden, actor("POL", "police.personal_security_officer")))
}

test_an_official_who_is_not_assigned_has_no_record if "STAGE-10-C" in stopped(facts({"assigned": false}))

test_an_agency_without_relation_has_no_record if "STAGE-10-D" in stopped(facts({"may_know": false}))

test_assignment_and_relation_are_not_asked_in_first_contacts_grants_and_emergencies if {
	stranger := facts({"assigned": false, "may_know": false})
	every type in ["exit.contact", "exit.grant_application", "exit.emergency_access"] {
		held := stopped(also(stranger, {"type": type}))
		not "STAGE-10-C" in held
		not "STAGE-10-D" in held
	}
}

test_record_is_not_asked_where_nobody_is_named if {
	held := stopped(facts({
		"subject_named": false, "on_record": false, "psw": true, "case_open": false, "assigned": false, "may_know": false,
		"responsibility_contested": true, "claims_by_register": true,
	}))
	held == {"STAGE-02-PERSON"}
}

test_who_is_no_guardian_of_a_child_has_no_record if {
	"STAGE-10-D-GUARDIAN" in stopped(guardian)
	"STAGE-10-D-GUARDIAN" in stopped(also(guardian, facts({"guardian_listed": true})))
	"STAGE-10-D-GUARDIAN" in stopped(also(guardian, facts({"under_18": true})))
	not "STAGE-10-D-GUARDIAN" in stopped(also(guardian, facts({"guardian_listed": true, "under_18": true})))
}

test_a_closed_case_is_closed_but_for_review_audit_and_the_person if {
	closed := facts({"case_open": false})
	"STAGE-11" in stopped(closed)
	every purpose in ["LEGAL_REVIEW", "AUDIT", "SUBJECT_ACCESS"] {
		not "STAGE-11" in stopped(also(closed, {"purpose": purpose}))
	}
	every type in ["exit.grant_application", "exit.followup_report", "exit.emergency_access"] {
		not "STAGE-11" in stopped(also(closed, {"type": type}))
	}
}

test_contested_responsibility_is_reviewed_where_a_municipality_takes_part if {
	contested := facts({"responsibility_contested": true})
	"STAGE-12-CONTESTED" in stopped(contested)
	"STAGE-12-CONTESTED" in stopped(also(contested, also(provider, {"discloser": {"kind": "MUN", "role": "municipality.social_worker"}})))
	not "STAGE-12-CONTESTED" in stopped(also(contested, actor("KV", "agency.legal_officer")))
	not "STAGE-12-CONTESTED" in stopped(also(contested, {"type": "exit.emergency_access"}))
}

test_registration_alone_is_reviewed if {
	"STAGE-12-REGISTER" in stopped(facts({"claims_by_register": true}))
	not "STAGE-12-REGISTER" in stopped(also(facts({"claims_by_register": true}), {"type": "exit.emergency_access"}))
}

asking_guardian := also(guardian, also({"maturity": "joint"}, facts({"guardian_listed": true, "under_18": true})))

test_a_guardian_who_decides_with_the_child_passes if {
	held := stopped(asking_guardian)
	not "STAGE-13-BLOCKED" in held
	not "STAGE-13-MATURITY" in held
}

test_a_guardian_who_is_blocked_may_not_ask if {
	"STAGE-13-BLOCKED" in stopped(also(asking_guardian, facts({"guardian_blocked": true})))
	"STAGE-13-BLOCKED" in stopped(also(asking_guardian, facts({"place_hidden": true})))
	"STAGE-13-BLOCKED" in stopped(also(asking_guardian, {"maturity": "child_alone"}))
}

test_maturity_is_judged_before_a_guardian_is_answered if {
	"STAGE-13-MATURITY" in stopped(also(asking_guardian, {"maturity": "none"}))
	not "STAGE-13-BLOCKED" in stopped(also(asking_guardian, {"maturity": "none"}))
}

test_a_field_that_is_never_sent_is_refused_by_name if {
	"STAGE-14" in stopped({"named": ["never_sent"]})
	not "STAGE-14" in stopped({"named": ["risk_level"]})
}

test_the_link_between_identities_is_for_the_personal_security_unit if {
	"STAGE-15" in stopped({"named": ["identity_link"]})
	not "STAGE-15" in stopped(also({"named": ["identity_link"]}, actor("POL", "police.personal_security_officer")))
}

test_an_individual_plan_needs_a_consent_to_it if {
	plan := {"type": "exit.health_coordination", "values": {"request_kind": "sip"}}
	"STAGE-16" in stopped(plan)
	not "STAGE-16" in stopped(also(plan, facts({"sip_consent": true})))
	not "STAGE-16" in stopped({"type": "exit.health_coordination", "values": {"request_kind": "feedback"}})
}

test_a_kind_of_health_message_that_nobody_stated_counts_as_a_plan if {
	"STAGE-16" in stopped({"type": "exit.health_coordination", "values": {"request_kind": ""}})
}

test_a_table_that_the_guard_refuses_is_not_shown if {
	"STAGE-17-CELLS" in stopped({"type": "exit.followup_report", "table": {"refused": true}})
	not "STAGE-17-CELLS" in stopped({"type": "exit.followup_report"})
	not "STAGE-17-CELLS" in stopped({"table": {"refused": true}})
}

test_a_report_is_about_nobody if {
	not "STAGE-02-PERSON" in stopped(also(facts({"subject_named": false}), {"type": "exit.followup_report"}))
	not "STAGE-02-PERSON" in stopped(also(facts({"subject_named": false}), {"type": "exit.contact"}))
}
