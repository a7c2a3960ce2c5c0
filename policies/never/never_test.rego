package never_test

import data.never

# breached returns which never-rules a release breaks that differs from one that
# breaks none.
breached(change) := ids if {
	ids := never.breach with input as object.union(good, change) with data.catalogue as catalogue
}

catalogue := {"kinds": {"MUN": {"authority": true}, "POL": {"authority": true}, "PRV": {"authority": false}, "GRD": {"authority": false}}}

# good is a threat level that goes to the responsible municipality by consent.
good := {
	"actor": {"kind": "MUN", "role": "municipality.social_worker"},
	"discloser": {"kind": "POL", "role": "police.exit_coordinator_regional"},
	"same_agency": false,
	"bulk": false,
	"type": "exit.threat_assessment",
	"maturity": "not_asked",
	"field": {
		"name": "risk_level", "class": "RSK", "effective": "RSK", "subclass": "", "rules": ["35:1"],
		"locating": false, "public": false, "forbidden": false,
	},
	"basis": {"code": "OSL-12-2", "way": "automatic", "consent": true, "in_flow": true, "opens_every_rule": true},
	"decided": false,
	"by_name": false,
	"carried": false,
	"facts": {
		"log_available": true, "subject_named": true, "assessment_valid": true, "actor_responsible": true, "actor_receiving": false,
		"protected": false, "psw": false, "provider_approved": false, "provider_contracted": false, "housing_assignment": false,
		"guardian_blocked": false, "place_hidden": false,
	},
	"table": {"checked": false, "refused": false},
}

place := {"field": {"name": "new_address", "class": "PAD", "effective": "PAD", "locating": true}}

protected := {"facts": {"protected": true}}

provider := {
	"actor": {"kind": "PRV", "role": "provider.case_worker"}, "discloser": {"kind": "MUN"},
	"facts": {"provider_approved": true, "provider_contracted": true, "housing_assignment": true},
}

test_a_good_release_breaks_nothing if breached({}) == set()

test_the_place_never_goes_to_a_former_municipality if {
	"NEVER-PLACE-FORMER-MUNICIPALITY" in breached(object.union(place, {"facts": {"actor_responsible": false}}))
	not "NEVER-PLACE-FORMER-MUNICIPALITY" in breached(place)
	not "NEVER-PLACE-FORMER-MUNICIPALITY" in breached(object.union(place, {"facts": {"actor_responsible": false, "actor_receiving": true}}))
}

test_a_protected_persons_place_never_goes_to_relatives if {
	guardian := object.union(place, {"actor": {"kind": "GRD", "role": "subject.guardian"}})
	"NEVER-PLACE-RELATIVE" in breached(object.union(guardian, protected))
	not "NEVER-PLACE-RELATIVE" in breached(guardian)
}

test_a_protected_persons_place_is_asked_for_by_name if {
	"NEVER-PLACE-BY-DEFAULT" in breached(object.union(place, protected))
	not "NEVER-PLACE-BY-DEFAULT" in breached(object.union(object.union(place, protected), {"by_name": true}))
}

test_a_private_recipient_of_the_place_is_named_by_somebody if {
	to_provider := object.union(object.union(place, protected), object.union(provider, {"basis": {"consent": false}}))
	"NEVER-PLACE-UNNAMED-RECIPIENT" in breached(object.union(to_provider, protected))
	not "NEVER-PLACE-UNNAMED-RECIPIENT" in breached(object.union(object.union(to_provider, protected), {"decided": true}))
}

test_the_address_goes_to_who_houses_the_person if {
	housing := object.union(provider, {"field": {"name": "housing_address"}})
	"NEVER-ADDRESS-OTHER-PROVIDER" in breached(object.union(housing, {"facts": {"housing_assignment": false}}))
	not "NEVER-ADDRESS-OTHER-PROVIDER" in breached(housing)
}

test_a_provider_is_vetted_and_under_contract if {
	"NEVER-UNVETTED-PROVIDER" in breached(object.union(provider, {"facts": {"provider_approved": false}}))
	"NEVER-PROVIDER-WITHOUT-CONTRACT" in breached(object.union(provider, {"facts": {"provider_contracted": false}}))
	breached(provider) == set()
}

test_consent_never_opens_chapter_18 if {
	"NEVER-CONSENT-CHAPTER-18" in breached({"field": {"public": true}})
	not "NEVER-CONSENT-CHAPTER-18" in breached({"field": {"public": true}, "basis": {"consent": false}})
}

test_intelligence_stays_with_the_police if {
	"NEVER-INTELLIGENCE-OUT" in breached({"field": {"class": "INT"}})
	"NEVER-INTELLIGENCE-OUT" in breached({"field": {"rules": ["18:2"]}})
	"NEVER-INTELLIGENCE-OTHER-ROLE" in breached({"field": {"class": "INT"}, "same_agency": true})
	breached({"field": {"class": "INT"}, "same_agency": true, "actor": {"kind": "POL"}}) == set()
}

test_who_reported_stays_with_who_investigates if {
	"NEVER-SOURCE-OUT" in breached({"field": {"class": "SRC"}, "actor": {"role": "municipality.exit_team_lead"}})
	not "NEVER-SOURCE-OUT" in breached({"field": {"class": "SRC"}})
	"NEVER-SOURCE-BY-CONSENT" in breached({"field": {"class": "SRC"}})
}

test_the_identity_link_stays_with_personal_security if {
	unit := "police.personal_security_officer"
	inside := {"field": {"class": "PIL"}, "actor": {"kind": "POL", "role": unit}, "discloser": {"role": unit}, "same_agency": true, "decided": true}
	"NEVER-IDENTITY-LINK-OUT" in breached(object.union(inside, {"decided": false}))
	not "NEVER-IDENTITY-LINK-OUT" in breached(inside)
}

test_care_and_the_general_clause if {
	"NEVER-CARE-BY-GENERAL-CLAUSE" in breached({"field": {"rules": ["25:1"]}, "basis": {"code": "OSL-10-15A"}})
	not "NEVER-CARE-BY-GENERAL-CLAUSE" in breached({"field": {"rules": ["25:1"]}})
	"NEVER-SOCIAL-HEALTH-BY-GENERAL-CLAUSE" in breached({"field": {"class": "HLT", "rules": ["26:1"]}, "basis": {"code": "OSL-10-27"}})
	"NEVER-SOCIAL-HEALTH-BY-GENERAL-CLAUSE" in breached({"field": {"class": "HLT", "rules": ["SoL 17:11"]}, "basis": {"code": "OSL-10-27"}})
	not "NEVER-SOCIAL-HEALTH-BY-GENERAL-CLAUSE" in breached({"field": {"class": "HLT"}, "basis": {"code": "OSL-10-27"}})
}

test_grants_officers_see_pseudonyms if {
	grants := {"actor": {"kind": "POL", "role": "police.grants_officer"}, "field": {"class": "ID"}}
	"NEVER-NAMES-TO-GRANTS" in breached(grants)
	not "NEVER-NAMES-TO-GRANTS" in breached(object.union(grants, {"field": {"subclass": "alias"}}))
}

test_statistics_are_sums if {
	"NEVER-PERSONS-TO-STATISTICS" in breached({"actor": {"role": "socialstyrelsen.analyst"}})
	not "NEVER-PERSONS-TO-STATISTICS" in breached({"actor": {"role": "socialstyrelsen.analyst"}, "field": {"class": "STA"}})
	report := {"type": "exit.followup_report"}
	"NEVER-SUMS-UNSEEN" in breached(report)
	"NEVER-SUMS-UNSEEN" in breached(object.union(report, {"table": {"checked": true, "refused": true}}))
	not "NEVER-SUMS-UNSEEN" in breached(object.union(report, {"table": {"checked": true}}))
}

test_a_basis_opens_what_covers_the_field if {
	"NEVER-WITHOUT-BASIS" in breached({"basis": {"in_flow": false}})
	"NEVER-BASIS-TOO-NARROW" in breached({"basis": {"opens_every_rule": false}})
	"NEVER-NECESSITY-OTHERWISE" in breached({"basis": {"in_flow": false, "way": "emergency"}})
	not "NEVER-WITHOUT-BASIS" in breached({"basis": {"in_flow": false, "way": "emergency"}})
}

test_break_glass_has_limits if {
	"NEVER-BREAK-GLASS" in breached({"type": "exit.emergency_access", "field": {"class": "INV"}})
	not "NEVER-BREAK-GLASS" in breached({"type": "exit.emergency_access"})
}

test_what_nobody_may_have if {
	"NEVER-FORBIDDEN-FIELD" in breached({"field": {"forbidden": true}})
	"NEVER-WITNESS-PROTECTION" in breached({"facts": {"psw": true}})
	not "NEVER-WITNESS-PROTECTION" in breached({"facts": {"psw": true, "subject_named": false}})
	"NEVER-OLD-THREAT" in breached({"facts": {"assessment_valid": false}})
	not "NEVER-OLD-THREAT" in breached({"facts": {"assessment_valid": false}, "field": {"class": "CAS"}})
	"NEVER-UNLOGGED" in breached({"facts": {"log_available": false}})
	"NEVER-PERSONS-IN-BULK" in breached({"bulk": true})
	not "NEVER-PERSONS-IN-BULK" in breached({"bulk": true, "field": {"class": "STA"}})
}

test_a_blocked_guardian_learns_nothing if {
	guardian := {"actor": {"kind": "GRD", "role": "subject.guardian"}, "maturity": "joint"}
	breached(guardian) == set()
	"NEVER-BLOCKED-GUARDIAN" in breached(object.union(guardian, {"facts": {"guardian_blocked": true}}))
	"NEVER-BLOCKED-GUARDIAN" in breached(object.union(guardian, {"facts": {"place_hidden": true}}))
	"NEVER-BLOCKED-GUARDIAN" in breached(object.union(guardian, {"maturity": "child_alone"}))
}
