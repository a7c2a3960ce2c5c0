# What the person can open: consent, insight, guardians (OSL ch. 10 and 12).
package provisions

# METADATA
# description: any → anyone named. The person waives secrecy in whole or part.
# custom:
#   id: OSL-12-2
#   statute: "OSL 10 kap. 1 §, 12 kap. 2 §"
#   titles: {sv: "Samtycke", en: "Consent"}
#   way: automatic
#   claim_needed: false
#   authority_only: false
#   opens: ["26:1", "35:1", "35:15", "25:1", "SoL 17:11", "21:3", "21:3a", "26:14c"]
#   consent: true
#   third_party: BLK-3P
#   sv:
#     description: "alla → den som är namngiven. Den enskilde häver sekretessen helt eller delvis."
grant contains rego.metadata.rule().custom.id if {
	data.catalogue.purposes[input.purpose].consentable
}

# METADATA
# description: "agency → guardian. Guardian decides alone or with the child by age and maturity; not if the
#   child risks serious harm (26:2)."
# custom:
#   id: OSL-12-3
#   statute: "OSL 12 kap. 3 §, FB 6 kap. 11 §"
#   titles: {sv: "Underårig och vårdnadshavare", en: "Minor and guardian"}
#   way: decision
#   claim_needed: true
#   authority_only: false
#   opens: ["26:1", "35:1", "35:15", "25:1", "SoL 17:11", "21:3", "21:3a", "26:14c"]
#   decision:
#     kind: guardian
#   sv:
#     description: "myndighet → vårdnadshavare. Vårdnadshavaren förfogar ensam eller tillsammans med barnet över
#       sekretessen, efter ålder och mognad; inte om barnet riskerar allvarligt men (26:2)."
grant contains rego.metadata.rule().custom.id if {
	guardian_may_ask
}

# METADATA
# description: "agency → the person. Not chapter 18, not others' data, 25:6 is tested by the care unit."
# custom:
#   id: OSL-12-1
#   statute: OSL 12 kap. 1 §
#   titles: {sv: "Till den enskilde själv", en: "To the person"}
#   way: automatic
#   claim_needed: false
#   authority_only: false
#   opens: ["26:1", "35:1", "35:15", "25:1", "SoL 17:11", "21:3", "21:3a", "26:14c"]
#   sv:
#     description: "myndighet → den enskilde. Inte 18 kap., inte andras uppgifter; 25:6 prövas av vårdenheten."
grant contains rego.metadata.rule().custom.id if {
	input.actor.kind == "SELF"
}

# METADATA
# description: agency → party. Strong limits; legal officer.
# custom:
#   id: OSL-10-3
#   statute: OSL 10 kap. 3 §
#   titles: {sv: "Partsinsyn", en: "Insight as a party"}
#   way: manual
#   claim_needed: true
#   authority_only: false
#   opens: ["26:1", "35:1", "35:15", "25:1", "SoL 17:11", "21:3", "21:3a", "26:14c"]
#   sv:
#     description: "myndighet → part. Starkt begränsad; prövas av jurist."
grant contains rego.metadata.rule().custom.id if {
	recipient_connected
}
