# Duties of LVU, which open secrecy through OSL 10:28.
package provisions

# METADATA
# description: MUN → SIS. LVU care at SiS.
# custom:
#   id: LVU-14A
#   statute: LVU 14 a §
#   titles: {sv: "Uppföljning av vård", en: "Follow-up of care"}
#   way: automatic
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1"]
#   reach:
#     classes: ["ID", "CAS", "PLN", "SOC", "FAM"]
#   sv:
#     description: "MUN → SIS. Vård enligt LVU hos SiS."
grant contains rego.metadata.rule().custom.id if {
	input.facts.in_sis_care
}

# METADATA
# description: "MUN, SIS → POL, KV. Request for assistance."
# custom:
#   id: LVU-43B
#   statute: LVU 43 b §
#   titles: {sv: "Handräckning", en: "Assistance (handräckning)"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "21:3", "21:3a", "26:14c"]
#   decision:
#     kind: duty
#   sv:
#     description: "MUN, SIS → POL, KV. Begäran om biträde."
grant contains rego.metadata.rule().custom.id if {
	input.type == "exit.info_request"
}
