# OSL ch. 25 and 26: care and socialtjänst.
package provisions

# METADATA
# description: "REG → MUN, SIS, REG. Needed for necessary care or support, and one of: 1 under 18, 2 ongoing
#   abuse of alcohol, drugs or solvents, 3 LPT or LRV care, 4 unborn child."
# custom:
#   id: OSL-25-12
#   statute: OSL 25 kap. 12 §
#   titles: {sv: "Hälso- och sjukvård till vård och socialtjänst", en: "Care → care and socialtjänst"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["25:1", "21:3", "21:3a", "26:14c"]
#   decision:
#     kind: need
#     ground: numbered
#   sv:
#     description: "REG → MUN, SIS, REG. Behövs för nödvändig vård eller nödvändigt stöd, och något av: 1 under 18 år, 2
#       pågående missbruk av alkohol, narkotika eller flyktiga lösningsmedel, 3 vård enligt LPT eller LRV, 4 väntat
#       barn."
grant contains rego.metadata.rule().custom.id if {
	input.purpose == "CARE"
}

# METADATA
# description: "REG → REG, MUN, private provider. Incapacity documented."
# custom:
#   id: OSL-25-13
#   statute: OSL 25 kap. 13 §
#   titles: {sv: "Den enskilde kan inte samtycka", en: "The person cannot consent"}
#   way: decision
#   claim_needed: true
#   authority_only: false
#   opens: ["25:1"]
#   decision:
#     kind: incapacity
#     ground: fresh
#   sv:
#     description: "REG → REG, MUN, enskild vårdgivare. Den enskildes oförmåga är dokumenterad."
grant contains rego.metadata.rule().custom.id if {
	input.purpose == "CARE"
}

# METADATA
# description: "MUN, SIS → MUN, SIS, REG. Same grounds as OSL-25-12."
# custom:
#   id: OSL-26-9
#   statute: OSL 26 kap. 9 §
#   titles: {sv: "Socialtjänst till socialtjänst och vård", en: "Socialtjänst → socialtjänst and care"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "21:3", "21:3a", "26:14c"]
#   decision:
#     kind: need
#     ground: numbered
#   sv:
#     description: "MUN, SIS → MUN, SIS, REG. Samma förutsättningar som OSL-25-12."
grant contains rego.metadata.rule().custom.id if {
	input.purpose in {"CARE", "EXIT_SUPPORT"}
}

# METADATA
# description: MUN → reporter. On request; no message type carries it yet.
# custom:
#   id: OSL-26-9A
#   statute: "OSL 26 kap. 9 a §, SoL 19 kap. 6 §"
#   titles: {sv: "Återkoppling till anmälare", en: "Feedback to a reporter"}
#   way: never
#   claim_needed: true
#   authority_only: false
#   opens: []
#   sv:
#     description: "MUN → anmälaren. På begäran; ingen meddelandetyp bär den än."
never contains rego.metadata.rule().custom.id if {
	false
}

# METADATA
# description: MUN → KV. Sanction is ungdomsövervakning.
# custom:
#   id: OSL-26-9B
#   statute: OSL 26 kap. 9 b §
#   titles: {sv: "Verkställighetsplan för ungdomsövervakning, från socialtjänsten", en: "Youth supervision plan"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1"]
#   decision:
#     kind: youth_supervision
#     facts:
#       youth_supervision: {equals: true}
#   sv:
#     description: "MUN → KV. Påföljden är ungdomsövervakning."
grant contains rego.metadata.rule().custom.id if {
	recipient_is_authority
}

# METADATA
# description: "SIS → POL. Concrete risk of a crime with prison in the scale, or suspected crime inside SiS;
#   suitability."
# custom:
#   id: OSL-26-9E
#   statute: OSL 26 kap. 9 e §
#   titles: {sv: "SiS till Polismyndigheten", en: "SiS → police"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "21:3", "21:3a", "26:14c"]
#   decision:
#     kind: suitability
#   sv:
#     description: "SIS → POL. Konkret risk för brott med fängelse i straffskalan, eller misstänkt brott inom SiS;
#       lämplighet."
grant contains rego.metadata.rule().custom.id if {
	input.purpose in {"CRIME_PREVENTION", "CRIME_INVESTIGATION"}
}

# METADATA
# description: "MUN, REG → MUN. May matter for the placement decision."
# custom:
#   id: OSL-26-14D
#   statute: OSL 26 kap. 14 d §
#   titles: {sv: "Adress till skyddat boende till den placerande nämnden", en: "Address of protected housing → placing board"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "25:1", "26:14c", "21:3"]
#   reach:
#     fields: ["housing_address"]
#   decision:
#     kind: address
#     facts:
#       open_placement_decision: {equals: true}
#   sv:
#     description: "MUN, REG → MUN. Kan ha betydelse för beslutet om placering."
grant contains rego.metadata.rule().custom.id if {
	recipient_is_authority
}
