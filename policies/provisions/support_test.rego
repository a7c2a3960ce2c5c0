# What the tests of the provisions share: a request for which everything is in
# order, a small catalogue, and the sets that hold when something is changed.
package provisions_test

import data.provisions

# good is a social worker in the responsible municipality who asks the police
# for a threat assessment.
good := {
	"actor": {"kind": "MUN", "role": "municipality.social_worker"},
	"discloser": {"kind": "POL", "role": "police.exit_coordinator_regional"},
	"same_agency": false,
	"purpose": "PROTECTION",
	"type": "exit.threat_assessment",
	"initiative": "actor",
	"claimed": ["OSL-12-2"],
	"default": true,
	"named": [],
	"reason": false,
	"bulk": false,
	"acute": false,
	"values": {"transfer_status": "", "request_kind": "", "report_kind": ""},
	"facts": {
		"log_available": true,
		"agencies_known": true,
		"subject_named": true,
		"asked": true,
		"on_scene": false,
		"provider_approved": false,
		"provider_contracted": false,
		"provider_revoked": false,
		"assigned": true,
		"conflict_of_interest": false,
		"on_record": true,
		"psw": false,
		"may_know": true,
		"case_open": true,
		"responsibility_contested": false,
		"claims_by_register": false,
		"protected": false,
		"place_hidden": false,
		"elevated_threat": false,
		"under_18": false,
		"under_21": false,
		"in_sis_care": false,
		"moved": false,
		"actor_responsible": true,
		"actor_receiving": false,
		"actor_previous": false,
		"actor_investigates_child": false,
		"housing_assignment": false,
		"guardian_blocked": false,
		"guardian_listed": false,
		"assessment_valid": true,
		"sip_consent": false,
		"consent_withdrawn_since_queued": false,
		"threat_to_life": false,
		"reason_long": false,
		"diary_number": false,
		"reauthenticated": false,
		"window_open": false,
		"confirmed": false,
		"operation_named": false,
	},
	"maturity": "not_asked",
	"consent": {},
	"decision": {},
	"field_release": {},
	"about": {},
	"table": {"checked": false, "refused": false, "money_shown": false, "blanked": []},
}

# catalogue is enough of the tables for the tests.
catalogue := {
	"kinds": {
		"POL": {"authority": true},
		"MUN": {"authority": true},
		"KV": {"authority": true},
		"SIS": {"authority": true},
		"REG": {"authority": true},
		"GOV": {"authority": true},
		"PRV": {"authority": false},
		"SELF": {"authority": false},
		"GRD": {"authority": false},
	},
	"roles": {
		"police.exit_coordinator_regional": {"kind": "POL", "purposes": {"PROTECTION": true, "EMERGENCY": true}},
		"police.personal_security_officer": {"kind": "POL", "purposes": {"PROTECTION": true, "EMERGENCY": true}},
		"municipality.social_worker": {"kind": "MUN", "purposes": {"PROTECTION": true, "EMERGENCY": true}},
		"provider.case_worker": {"kind": "PRV", "purposes": {"EXIT_SUPPORT": true}},
		"subject.guardian": {"kind": "GRD", "purposes": {"SUBJECT_ACCESS": true}},
		"subject.self": {"kind": "SELF", "purposes": {"SUBJECT_ACCESS": true}},
		"agency.legal_officer": {"kind": "*", "purposes": {"LEGAL_REVIEW": true}},
	},
	"purposes": {
		"EXIT_SUPPORT": {"consentable": true},
		"PROTECTION": {"consentable": true},
		"CRIME_INVESTIGATION": {"consentable": false},
		"SUBJECT_ACCESS": {"consentable": false},
		"LEGAL_REVIEW": {"consentable": false},
		"EMERGENCY": {"consentable": false},
	},
	"types": {
		"exit.threat_assessment": {
			"control": false,
			"named_only": false,
			"fields": {
				"risk_level": {"class": "RSK", "forbidden": false},
				"never_sent": {"class": "INV", "forbidden": true},
				"identity_link": {"class": "PIL", "forbidden": false},
			},
			"legs": [
				{
					"senders": {"police.exit_coordinator_regional": true},
					"recipients": {"municipality.social_worker": true},
					"acute": false,
					"same_agency": false,
				},
				{
					"senders": {"police.exit_coordinator_regional": true},
					"recipients": {"provider.case_worker": true},
					"acute": true,
					"same_agency": false,
				},
				{
					"senders": {"police.exit_coordinator_regional": true},
					"recipients": {"agency.legal_officer": true},
					"acute": false,
					"same_agency": true,
				},
			],
		},
		"exit.info_request": {"control": true, "named_only": true, "fields": {"phone": {"class": "CON", "forbidden": false}}, "legs": [{
			"senders": {"police.exit_coordinator_regional": true},
			"recipients": {"municipality.social_worker": true},
			"acute": false,
			"same_agency": false,
		}]},
		"exit.case_closure": {"control": true, "named_only": false, "fields": {}, "legs": []},
	},
}

facts(changes) := {"facts": changes}

actor(kind, role) := {"actor": {"kind": kind, "role": role}}

guardian := actor("GRD", "subject.guardian")

provider := actor("PRV", "provider.case_worker")

document(changes) := d if {
	d := provisions.decision with input as object.union(good, changes) with data.catalogue as catalogue
}

granted(changes) := document(changes).grant

stopped(changes) := document(changes).stop

restricted(changes) := document(changes).restriction

by_hand(changes) := document(changes).by_hand

adjusted(changes) := document(changes).adjustment

obliged(changes) := document(changes).obligation

also(a, b) := object.union(a, b)
