# Blockers of single fields (domain, sections 16.3, 16.6 and 18). A restriction
# withholds the fields in its reach with its code, whatever basis would open
# them; "step" is its place in the order of section 16.3.
package provisions

# METADATA
# description: The link between two identities is for the personal security unit alone.
# custom:
#   {id: BLK-PIL, step: 3, code: BLK-PIL, statute: "OSL 21 kap. 3 § sista stycket, 22 kap. 2 §",
#   titles: {sv: Koppling mellan identiteter, en: Link between identities}, reach: {classes: [PIL]},
#   sv: {description: "Kopplingen mellan två identiteter är endast till för personsäkerhetsenheten."}}
restriction contains rego.metadata.rule().custom.id if {
	not personal_security_officer
}

# METADATA
# description: A municipality that is neither responsible nor receiving does not learn the place.
# custom:
#   {id: BLK-LOC-MUNICIPALITY, step: 4, code: BLK-LOC, statute: "OSL 21 kap. 3 och 3 a §§",
#   titles: {sv: Kommun utan ansvar får inte veta platsen, en: A municipality without responsibility},
#   reach: {locating: true},
#   sv: {description: "En kommun som varken är ansvarig eller mottagande får inte veta platsen."}}
restriction contains rego.metadata.rule().custom.id if {
	input.actor.kind == "MUN"
	not input.same_agency
	not takes_over_case
	not break_glass
}

# METADATA
# description: A guardian of a protected person does not learn the place.
# custom:
#   {id: BLK-LOC-GUARDIAN, step: 4, code: BLK-LOC, statute: "OSL 21 kap. 3 §, 26 kap. 2 §",
#   titles: {sv: Vårdnadshavare till skyddad person, en: Guardian of a protected person}, reach: {locating: true},
#   sv: {description: "Vårdnadshavare till en skyddad person får inte veta platsen."}}
restriction contains rego.metadata.rule().custom.id if {
	input.actor.kind == "GRD"
	input.facts.protected
	not input.same_agency
}

# METADATA
# description: A provider learns an address only where it houses this person for this municipality.
# custom:
#   {id: BLK-LOC-PROVIDER, step: 4, code: BLK-LOC, statute: "OSL 21 kap. 3 §, 26 kap. 14 c §",
#   titles: {sv: Utföraren ordnar inte boendet, en: The provider does not house the person},
#   reach: {fields: [housing_address]},
#   sv: {description: "En utförare får veta en adress endast om utföraren ordnar boendet för just den här personen åt
#   den här kommunen."}}
restriction contains rego.metadata.rule().custom.id if {
	input.actor.kind == "PRV"
	not input.same_agency
	not input.facts.housing_assignment
}

# METADATA
# description: In an emergency the place goes to the personal security unit, or to police who name the operation.
# custom:
#   {id: BLK-LOC-EMERGENCY, step: 4, code: BLK-LOC, statute: "BrB 24 kap. 4 §, OSL 21 kap. 3 §",
#   titles: {sv: Plats i nöd, en: The place in an emergency}, reach: {classes: [PAD]},
#   sv: {description: "I nöd lämnas platsen till personsäkerhetsenheten eller till polis som anger insatsen."}}
restriction contains rego.metadata.rule().custom.id if {
	input.type == "exit.emergency_access"
	not place_for_operation
}

# METADATA
# description: An old threat level misleads; that there was an assessment may still be told.
# custom:
#   {id: BLK-STALE, step: 5, code: BLK-STALE, statute: OSL 35 kap. 1 §,
#   titles: {sv: Hotbilden är för gammal, en: The threat assessment is past its validity},
#   reach: {except_classes: [CAS]},
#   sv: {description: "En gammal hotnivå vilseleder; att en bedömning har gjorts får ändå lämnas."}}
restriction contains rego.metadata.rule().custom.id if {
	input.type == "exit.threat_assessment"
	not input.facts.assessment_valid
}

# METADATA
# description: What locates a protected person reaches a provider on a basis or not at all.
# custom:
#   {id: BLK-LOC-NO-BASIS, step: 8, code: BLK-LOC, statute: OSL 21 kap. 3 §,
#   titles: {sv: Skyddad persons plats till utförare, en: A protected person's place to a provider},
#   reach: {classes: [PAD]},
#   sv: {description: "Det som röjer var en skyddad person finns lämnas till en utförare med stöd av en grund eller inte
#   alls."}}
restriction contains rego.metadata.rule().custom.id if {
	input.actor.kind == "PRV"
	input.facts.protected
}

# METADATA
# description: Sums of money that show what one payee was paid (section 17, rule 6).
# custom:
#   {id: BLK-CELL-MONEY, step: 12, code: BLK-CELL, statute: OSL 24 kap. 8 §,
#   titles: {sv: Beloppen röjer en mottagare, en: The sums would point at a payee},
#   reach: {fields: [amount_applied, amount_paid]},
#   sv: {description: "Belopp som visar vad en enda mottagare har fått utbetalt (avsnitt 17, regel 6)."}}
restriction contains rego.metadata.rule().custom.id if {
	input.type == "exit.followup_report"
	not input.table.money_shown
}

# METADATA
# description: Sums that the small-cell guard has not looked at are not shown, whatever basis would open them (section 17).
# custom:
#   {id: BLK-CELL-UNSEEN, step: 12, code: BLK-CELL, statute: OSL 24 kap. 8 §,
#   titles: {sv: Tabellen är inte granskad, en: Nobody has looked at the table},
#   sv: {description: "Belopp som skyddet mot små celler inte har granskat visas inte, vilken grund som än skulle öppna
#   dem (avsnitt 17)."}}
restriction contains rego.metadata.rule().custom.id if {
	input.type == "exit.followup_report"
	not input.table.checked
}

place_for_operation if personal_security_officer

place_for_operation if {
	input.actor.kind == "POL"
	input.facts.operation_named
}
