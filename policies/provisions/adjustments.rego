# What a set of fields means as a whole (domain, sections 16.3 and 18). An
# adjustment is applied after the fields were decided one by one, in the order
# of "order"; "change" says which of the join's few operations it is.
package provisions

# METADATA
# description: Break-glass lifts what asks for a name, a reason or a decision, and rests on two bases only.
# custom:
#   {id: EMERGENCY, order: 1, change: emergency, statute: BrB 24 kap. 4 §,
#   titles: {sv: Nöd, en: Break-glass}, bases: [L170-4, BRB-24-4], lifts_cells: [C, R],
#   outcome: BREAK_GLASS, otherwise: EMERGENCY,
#   sv: {description: "Nödåtkomst lyfter kravet på fältets namn, skäl eller beslut och vilar på endast två grunder."}}
adjustment contains rego.metadata.rule().custom.id if {
	input.type == "exit.emergency_access"
}

# METADATA
# description: The recipient cannot use a value without knowing whom to call about it (carrier rule).
# custom:
#   {id: CARRIER, order: 2, change: carry, statute: OSL 7 kap. 2 §,
#   titles: {sv: Följeuppgifter, en: Carrier rule}, class: CAS,
#   reasons: [NO-BASIS, NO-DECISION, BLK-STALE], except_cells: [R],
#   sv: {description: "Mottagaren kan inte använda en uppgift utan att veta vem som kan svara på frågor om den
#   (följeuppgifter)."}}
adjustment contains rego.metadata.rule().custom.id if {
	data.catalogue.types[input.type].control == false
}

# METADATA
# description: A contact person alone tells that the person is a patient (patient rule).
# custom:
#   {id: PATIENT, order: 3, change: keep_together, statute: OSL 25 kap. 1 §,
#   titles: {sv: Patientregeln, en: Patient rule}, class: HLT, reason: NO-BASIS,
#   sv: {description: "Redan en kontaktperson röjer att den enskilde är patient (patientregeln)."}}
adjustment contains rego.metadata.rule().custom.id if {
	input.type == "exit.health_coordination"
	input.discloser.kind == "REG"
}
