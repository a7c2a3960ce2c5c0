# Duties of SoL, which open secrecy through OSL 10:28.
package provisions

# METADATA
# description: "MUN → SOC. Own channel, outside the gateway."
# custom:
#   id: SoL-15-2
#   statute: SoL 15 kap. 2 §
#   titles: {sv: "Personuppgifter till officiell statistik", en: "Personal data for official statistics"}
#   way: never
#   claim_needed: true
#   authority_only: false
#   opens: []
#   sv:
#     description: "MUN → SOC. Egen kanal, utanför gatewayen."
never contains rego.metadata.rule().custom.id if {
	false
}

# METADATA
# description: "MUN → POL and listed others. Request in a single case; protected person: by hand."
# custom:
#   id: SoL-15-7-1
#   statute: SoL 15 kap. 7 § p. 1
#   titles: {sv: "Om någon vistas i ett hem", en: "Whether a person stays in a home"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "21:3", "21:3a", "26:14c"]
#   reach:
#     fields: ["housing_address"]
#   decision:
#     kind: duty
#   lawyer: which facts the duty covers
#   sv:
#     description: "MUN → POL och andra uppräknade. På begäran i ett enskilt fall; skyddad person: för hand."
#     lawyer: "vilka uppgifter skyldigheten omfattar"
grant contains rego.metadata.rule().custom.id if {
	input.type == "exit.info_request"
}

# METADATA
# description: MUN → Skatteverket. Outside the gateway.
# custom:
#   id: SoL-15-7-2
#   statute: SoL 15 kap. 7 § p. 2
#   titles: {sv: "Uppgifter för skyddad folkbokföring", en: "Data for protected population registration"}
#   way: never
#   claim_needed: true
#   authority_only: false
#   opens: []
#   sv:
#     description: "MUN → Skatteverket. Utanför gatewayen."
never contains rego.metadata.rule().custom.id if {
	false
}

# METADATA
# description: "PRV, SIS, other MUN → responsible MUN. On request."
# custom:
#   id: SoL-15-9
#   statute: SoL 15 kap. 9 §
#   titles: {sv: "Utförare till ansvarig nämnd", en: "Performer reports to the responsible board"}
#   way: automatic
#   claim_needed: true
#   authority_only: false
#   opens: ["SoL 17:11", "26:1", "21:3", "21:3a", "26:14c"]
#   reach:
#     classes: ["ID", "CAS", "PLN", "SOC", "RSK", "FIN"]
#     fields: ["housing_address"]
#   sv:
#     description: "PRV, SIS, annan MUN → ansvarig MUN. På begäran."
grant contains rego.metadata.rule().custom.id if {
	input.type in {"exit.provider_assignment", "exit.joint_plan", "exit.health_coordination"}
	input.facts.asked
	input.facts.actor_responsible
}

# METADATA
# description: listed agencies and private providers → socialnämnd. A human states the concern; never in bulk.
# custom:
#   id: SoL-19-1
#   statute: SoL 19 kap. 1 §
#   titles: {sv: "Orosanmälan", en: "Report concern for a child at once"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "35:1", "35:15", "25:1", "SoL 17:11", "21:3", "21:3a", "26:14c", "18:1", "18:2", "18:11",
#     "26:5", "40:7g", "24:8"]
#   decision:
#     kind: concern
#   sv:
#     description: "uppräknade myndigheter och enskilda utförare → socialnämnd. En människa anger oron; aldrig i bulk."
grant contains rego.metadata.rule().custom.id if {
	input.type == "exit.child_concern"
	input.values.report_kind == "report_19_1"
}

# METADATA
# description: "same list → socialnämnd. A child-protection investigation is decided and open; health,
#   investigation, source and locating data need a decision."
# custom:
#   id: SoL-20-6
#   statute: SoL 20 kap. 6 §
#   titles: {sv: "Uppgifter till en utredning om barns behov av skydd", en: "Give data of possible importance to a child investigation"}
#   way: automatic
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "35:1", "35:15", "25:1", "SoL 17:11", "21:3", "21:3a", "26:14c", "18:1", "18:2", "18:11",
#     "26:5", "40:7g", "24:8"]
#   reach:
#     classes: ["CAS", "ID", "CON", "CHD", "FAM", "RSK", "HON"]
#     decision_classes: ["HLT", "INV", "SRC", "PAD"]
#   decision:
#     kind: duty
#   sv:
#     description: "samma krets → socialnämnd. En utredning till skydd för barn är beslutad och öppen; uppgifter om
#       hälsa, om utredning, om vem som anmält och uppgifter som röjer en plats kräver beslut."
grant contains rego.metadata.rule().custom.id if {
	input.type == "exit.child_concern"
	input.values.report_kind == "answer_20_6"
	input.facts.actor_investigates_child
}

# METADATA
# description: "old MUN → new MUN. The person has applied in the new municipality under SoL 29:7."
# custom:
#   id: SoL-29-8
#   statute: SoL 29 kap. 8 §
#   titles: {sv: "Hjälp med utredning inför flyttning", en: "Help with an investigation before a move"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "21:3", "21:3a", "26:14c"]
#   reach:
#     except_fields: ["investigation_file_ref"]
#   decision:
#     kind: duty
#   lawyer: "whether threats from a criminal network count under 29:7"
#   sv:
#     description: "tidigare MUN → ny MUN. Den enskilde har ansökt i den nya kommunen enligt 29 kap. 7 § SoL."
#     lawyer: "om hot från ett kriminellt nätverk räknas enligt 29:7"
grant contains rego.metadata.rule().custom.id if {
	input.type == "exit.relocation"
	input.facts.actor_receiving
}

# METADATA
# description: "old MUN → new MUN (full list); new MUN → old MUN (relocation_id, transfer_status only). Transfer
#   agreed or decided by IVO."
# custom:
#   id: SoL-29-12
#   statute: SoL 29 kap. 10–12 §§
#   titles: {sv: "Överflyttning av ärende", en: "Transfer of a case"}
#   way: automatic
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "21:3", "21:3a", "26:14c"]
#   reach:
#     fields: ["relocation_id", "transfer_status", "reason_code", "from_municipality", "to_municipality",
#       "needs_summary", "investigation_file_ref", "payer_municipality", "no_trace_instructions"]
#   sv:
#     description: "tidigare MUN → ny MUN (hela listan); ny MUN → tidigare MUN (endast relocation_id, transfer_status).
#       Överflyttningen är överenskommen eller beslutad av IVO."
grant contains rego.metadata.rule().custom.id if {
	input.type == "exit.relocation"
	input.values.transfer_status in {"accepted", "decided_by_ivo", "completed"}
	takes_over_case
}

# METADATA
# description: The old municipality may learn that the transfer is done, and nothing of the new place.
# custom:
#   id: SoL-29-12-RETURN
#   basis: SoL-29-12
#   statute: SoL 29 kap. 10–12 §§
#   titles: {sv: "Överflyttning av ärende, svar till den tidigare kommunen", en: "Transfer of a case, answer to the old municipality"}
#   way: automatic
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "21:3", "21:3a", "26:14c"]
#   reach:
#     fields: ["relocation_id", "transfer_status"]
#   sv:
#     description: "Den tidigare kommunen får veta att överflyttningen är gjord, och ingenting om den nya platsen."
grant contains rego.metadata.rule().custom.id if {
	input.type == "exit.relocation"
	input.values.transfer_status in {"accepted", "decided_by_ivo", "completed"}
	returns_status
}

# METADATA
# description: Whether a protected person stays in a home is decided by hand each time.
# custom:
#   id: SoL-15-7-1-PROTECTED
#   basis: SoL-15-7-1
#   statute: SoL 15 kap. 7 § 1
#   titles: {sv: "Skyddad person: prövas för hand", en: "Protected person: decided by hand"}
#   sv:
#     description: "Om en skyddad person vistas i ett hem prövas för hand varje gång."
by_hand contains rego.metadata.rule().custom.id if {
	input.facts.protected
}
