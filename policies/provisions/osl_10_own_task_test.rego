package provisions_test

test_the_general_clause_reaches_authorities_only if {
	"OSL-10-27" in granted({})
	not "OSL-10-27" in granted(provider)
	not "OSL-10-27" in granted(guardian)
}

test_an_own_task_may_reach_a_provider if {
	"OSL-10-2" in granted({})
	"OSL-10-2" in granted(provider)
}

test_a_reservation_binds_private_recipients_only if {
	"OSL-10-14" in granted(provider)
	not "OSL-10-14" in granted({})
}

test_the_government_reads_sums_that_the_guard_has_seen if {
	report := {"type": "exit.followup_report", "purpose": "STATISTICS", "table": {"checked": true}}
	"OSL-10-15" in granted(report)
	not "OSL-10-15" in granted(also(report, {"table": {"checked": false}}))
	not "OSL-10-15" in granted(also(report, {"type": "exit.threat_assessment"}))
	not "OSL-10-15" in granted(also(report, {"purpose": "PROTECTION"}))
}

test_service_of_documents_is_for_whoever_is_connected if "OSL-10-26" in granted({})

test_nothing_goes_to_the_operator if not "OSL-10-2A" in granted({"claimed": ["OSL-10-2A"]})
