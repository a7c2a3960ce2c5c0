package provisions_test

test_inside_an_agency_means_the_same_agency if {
	"INTERNAL" in granted({"same_agency": true})
	not "INTERNAL" in granted({})
}

test_aggregates_are_reports_for_statistics_that_the_guard_has_seen if {
	report := {"type": "exit.followup_report", "purpose": "STATISTICS", "table": {"checked": true}}
	"AGGREGATE" in granted(report)
	every change in [{"type": "exit.threat_assessment"}, {"purpose": "GRANT"}, {"table": {"checked": false}}] {
		not "AGGREGATE" in granted(also(report, change))
	}
}

test_a_pseudonym_is_for_grant_applications if {
	"PSEUDONYM" in granted({"type": "exit.grant_application", "purpose": "GRANT"})
	not "PSEUDONYM" in granted({"type": "exit.grant_application"})
	not "PSEUDONYM" in granted({"purpose": "GRANT"})
}

test_the_contact_point_passes_on_contacts_only if {
	"NCP-INTAKE" in granted({"type": "exit.contact"})
	not "NCP-INTAKE" in granted({})
}
