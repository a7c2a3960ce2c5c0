package provisions_test

test_a_report_of_concern_is_a_report if {
	report := {"type": "exit.child_concern", "values": {"report_kind": "report_19_1"}}
	"SoL-19-1" in granted(report)
	not "SoL-20-6" in granted(also(report, facts({"actor_investigates_child": true})))
	not "SoL-19-1" in granted(also(report, {"type": "exit.threat_assessment"}))
}

test_an_answer_needs_an_open_investigation_at_the_recipient if {
	answer := {"type": "exit.child_concern", "values": {"report_kind": "answer_20_6"}}
	"SoL-20-6" in granted(also(answer, facts({"actor_investigates_child": true})))
	not "SoL-20-6" in granted(answer)
	not "SoL-20-6" in granted(also({"type": "exit.joint_plan", "values": answer.values}, facts({"actor_investigates_child": true})))
	not "SoL-19-1" in granted(answer)
}

test_a_stay_in_a_home_is_told_on_single_request if {
	"SoL-15-7-1" in granted({"type": "exit.info_request"})
	not "SoL-15-7-1" in granted({})
}

test_a_stay_of_a_protected_person_is_told_by_hand if {
	"SoL-15-7-1-PROTECTED" in by_hand(facts({"protected": true}))
	not "SoL-15-7-1-PROTECTED" in by_hand({})
}

test_a_performer_reports_to_the_responsible_board_that_asks if {
	every type in ["exit.provider_assignment", "exit.joint_plan", "exit.health_coordination"] {
		"SoL-15-9" in granted({"type": type})
		not "SoL-15-9" in granted(also({"type": type}, facts({"asked": false})))
		not "SoL-15-9" in granted(also({"type": type}, facts({"actor_responsible": false})))
	}
	not "SoL-15-9" in granted({})
}

test_help_before_a_move_goes_to_the_receiving_municipality if {
	move := {"type": "exit.relocation"}
	"SoL-29-8" in granted(also(move, facts({"actor_receiving": true})))
	not "SoL-29-8" in granted(move)
	not "SoL-29-8" in granted(facts({"actor_receiving": true}))
}

transfer(status) := {"type": "exit.relocation", "values": {"transfer_status": status}}

test_a_transfer_is_agreed_or_decided if {
	every status in ["accepted", "decided_by_ivo", "completed"] { "SoL-29-12" in granted(transfer(status)) }
	every status in ["proposed", "rejected", ""] { not "SoL-29-12" in granted(transfer(status)) }
	not "SoL-29-12" in granted(also(transfer("accepted"), {"type": "exit.joint_plan"}))
}

test_the_old_municipality_learns_the_status_and_nothing_else if {
	old := also(transfer("completed"), facts({"actor_responsible": false, "actor_previous": true}))
	"SoL-29-12-RETURN" in granted(old)
	not "SoL-29-12" in granted(old)
	not "SoL-29-12-RETURN" in granted(transfer("completed"))
	not "SoL-29-12-RETURN" in granted(also(old, facts({"actor_receiving": true})))
	not "SoL-29-12-RETURN" in granted(also(old, {"values": {"transfer_status": "proposed"}}))
	not "SoL-29-12-RETURN" in granted(also(old, {"type": "exit.joint_plan"}))
}

test_a_municipality_that_is_neither_gets_nothing_of_a_transfer if {
	stranger := granted(also(transfer("completed"), facts({"actor_responsible": false})))
	not "SoL-29-12" in stranger
	not "SoL-29-12-RETURN" in stranger
}

test_statistics_and_registration_have_their_own_channels if {
	held := granted({"claimed": ["SoL-15-2", "SoL-15-7-2"]})
	not "SoL-15-2" in held
	not "SoL-15-7-2" in held
}
