# The stages of a decision (domain, section 16.2). The lowest stage that stops
# ends the decision. Stages 1 to 8 look at nothing about the person, so that
# their answers are the same whether or not the person is on record.
package provisions

# METADATA
# description: The disclosure log can be written.
# custom:
#   {id: STAGE-01-LOG, stage: 1, code: LOG, outcome: DENY, statute: "SoL 17 kap., lag (2001:454) 10 §",
#   titles: {sv: Loggen kan inte skrivas, en: The disclosure log cannot be written},
#   sv: {description: "Loggen kan skrivas."}}
stop contains rego.metadata.rule().custom.id if {
	not input.facts.log_available
}

# METADATA
# description: Both agencies are connected.
# custom:
#   {id: STAGE-02-AGENCY, stage: 2, code: UNKNOWN, outcome: DENY, statute: OSL 8 kap. 1 §,
#   titles: {sv: Okänd myndighet, en: Unknown agency},
#   sv: {description: "Båda myndigheterna är anslutna."}}
stop contains rego.metadata.rule().custom.id if {
	not agencies_known
}

# METADATA
# description: Both roles are in the catalogue.
# custom:
#   {id: STAGE-02-ROLE, stage: 2, code: UNKNOWN, outcome: DENY, statute: OSL 8 kap. 1 §,
#   titles: {sv: Okänd roll, en: Unknown role},
#   sv: {description: "Båda rollerna finns i katalogen."}}
stop contains rego.metadata.rule().custom.id if {
	not roles_known
}

# METADATA
# description: The message type is in the catalogue and has a route.
# custom:
#   {id: STAGE-02-TYPE, stage: 2, code: UNKNOWN, outcome: DENY, statute: OSL 8 kap. 1 §,
#   titles: {sv: Okänd meddelandetyp, en: Unknown message type},
#   sv: {description: "Meddelandetypen finns i katalogen och har en väg."}}
stop contains rego.metadata.rule().custom.id if {
	not type_routed
}

# METADATA
# description: The purpose is in the catalogue.
# custom:
#   {id: STAGE-02-PURPOSE, stage: 2, code: UNKNOWN, outcome: DENY, statute: OSL 8 kap. 1 §,
#   titles: {sv: Okänt ändamål, en: Unknown purpose},
#   sv: {description: "Ändamålet finns i katalogen."}}
stop contains rego.metadata.rule().custom.id if {
	not data.catalogue.purposes[input.purpose]
}

# METADATA
# description: Every field named is a field of the message type.
# custom:
#   {id: STAGE-02-FIELD, stage: 2, code: UNKNOWN, outcome: DENY, statute: OSL 8 kap. 1 §,
#   titles: {sv: Okänt fält, en: Unknown field},
#   sv: {description: "Varje fält som anges vid namn är ett fält i meddelandetypen."}}
stop contains rego.metadata.rule().custom.id if {
	some name in input.named
	not data.catalogue.types[input.type].fields[name]
}

# METADATA
# description: Where fields must be named, the default set is not asked for; and something is asked for.
# custom:
#   {id: STAGE-02-DEFAULT, stage: 2, code: UNKNOWN, outcome: DENY, statute: OSL 8 kap. 1 §,
#   titles: {sv: Fälten ska nämnas, en: Fields must be named},
#   sv: {description: "Där fält måste anges vid namn begärs inte standardurvalet; och något begärs."}}
stop contains rego.metadata.rule().custom.id if {
	not asks_properly
}

# METADATA
# description: A person is named, except in first contacts, follow-up reports and bulk.
# custom:
#   {id: STAGE-02-PERSON, stage: 2, code: UNKNOWN, outcome: DENY, statute: OSL 8 kap. 1 §,
#   titles: {sv: Ingen person angiven, en: No person named},
#   sv: {description: "En person är angiven, utom vid första kontakter, uppföljningsrapporter och bulk."}}
stop contains rego.metadata.rule().custom.id if {
	not input.facts.subject_named
	not person_not_needed
}

# METADATA
# description: Recipient and discloser each act in a role of their own agency's kind.
# custom:
#   {id: STAGE-03, stage: 3, code: SESSION, outcome: DENY, statute: OSL 7 kap. 1 §,
#   titles: {sv: Rollen hör inte till myndigheten, en: The role does not belong to the agency},
#   sv: {description: "Mottagare och utlämnare handlar var för sig i en roll av den egna myndighetens slag."}}
stop contains rego.metadata.rule().custom.id if {
	not roles_belong
}

# METADATA
# description: Every disclosure is decided one by one; only sums travel in bulk.
# custom:
#   {id: STAGE-04, stage: 4, code: BLK-BULK, outcome: DENY, statute: "JO 682-2014, OSL 10 kap. 27 §",
#   titles: {sv: Massuttag, en: A request in bulk},
#   sv: {description: "Varje utlämnande beslutas för sig; endast summor skickas i bulk."}}
stop contains rego.metadata.rule().custom.id if {
	input.bulk
	input.type != "exit.followup_report"
}

# METADATA
# description: A leg of the route fits roles, urgency and agencies.
# custom:
#   {id: STAGE-05, stage: 5, code: ROUTE, outcome: DENY, statute: OSL 8 kap. 1–2 §§,
#   titles: {sv: Ingen väg mellan rollerna, en: No route between the roles},
#   sv: {description: "En väg för meddelandet passar roller, brådska och myndigheter."}}
stop contains rego.metadata.rule().custom.id if {
	not leg_fits
}

# METADATA
# description: The purpose is one that the recipient's role acts for.
# custom:
#   {id: STAGE-06-ROLE, stage: 6, code: PURPOSE, outcome: DENY, statute: OSL 7 kap. 1 §,
#   titles: {sv: Ändamålet hör inte till rollen, en: The purpose is not in the role},
#   sv: {description: "Ändamålet är ett som mottagarens roll handlar för."}}
stop contains rego.metadata.rule().custom.id if {
	not data.catalogue.roles[input.actor.role].purposes[input.purpose]
}

# METADATA
# description: The purpose EMERGENCY goes with the emergency message and with nothing else.
# custom:
#   {id: STAGE-06-EMERGENCY, stage: 6, code: PURPOSE, outcome: DENY, statute: BrB 24 kap. 4 §,
#   titles: {sv: Nöd kräver nödmeddelandet, en: Emergency goes with the emergency message},
#   sv: {description: "Ändamålet EMERGENCY hör till nödmeddelandet och till inget annat."}}
stop contains rego.metadata.rule().custom.id if {
	input.purpose == "EMERGENCY"
	not break_glass
}

# METADATA
# description: The emergency message goes with the purpose EMERGENCY and with nothing else.
# custom:
#   {id: STAGE-06-MESSAGE, stage: 6, code: PURPOSE, outcome: DENY, statute: BrB 24 kap. 4 §,
#   titles: {sv: Nödmeddelandet kräver nöd, en: The emergency message goes with an emergency},
#   sv: {description: "Nödmeddelandet hör till ändamålet EMERGENCY och till inget annat."}}
stop contains rego.metadata.rule().custom.id if {
	input.type == "exit.emergency_access"
	input.purpose != "EMERGENCY"
}

# METADATA
# description: The preconditions of break-glass hold and its time has not run out (section 18).
# custom:
#   {id: STAGE-07, stage: 7, code: EMERGENCY, outcome: DENY, statute: BrB 24 kap. 4 §,
#   titles: {sv: Nödåtkomstens villkor är inte uppfyllda, en: The preconditions of break-glass do not hold},
#   sv: {description: "Förutsättningarna för nödåtkomst är uppfyllda och dess tid har inte gått ut (avsnitt 18)."}}
stop contains rego.metadata.rule().custom.id if {
	input.type == "exit.emergency_access"
	not preconditions_of_break_glass
}

# METADATA
# description: A provider gets nothing, not even an alias, unless it is approved today.
# custom:
#   {id: STAGE-08-APPROVAL, stage: 8, code: BLK-VET, outcome: DENY, statute: SoL 17 kap. 11 §,
#   titles: {sv: Utföraren är inte godkänd, en: The provider is not approved},
#   sv: {description: "En utförare får ingenting, inte ens ett alias, om den inte är godkänd i dag."}}
stop contains rego.metadata.rule().custom.id if {
	input.actor.kind == "PRV"
	not input.facts.provider_approved
}

# METADATA
# description: A provider gets nothing from a municipality that has no contract with it.
# custom:
#   {id: STAGE-08-CONTRACT, stage: 8, code: BLK-VET, outcome: DENY, statute: SoL 17 kap. 11 §,
#   titles: {sv: Utföraren saknar avtal med kommunen, en: The provider has no contract with the municipality},
#   sv: {description: "En utförare får ingenting från en kommun som den saknar avtal med."}}
stop contains rego.metadata.rule().custom.id if {
	input.actor.kind == "PRV"
	input.discloser.kind == "MUN"
	not input.facts.provider_contracted
}

# METADATA
# description: No conflict of interest, and no other role of the same user has read about this person.
# custom:
#   {id: STAGE-09, stage: 9, code: BLK-COI, outcome: DENY, statute: "OSL 7 kap. 1 §, FL 16 §",
#   titles: {sv: Jäv, en: Conflict of interest},
#   sv: {description: "Inget jäv finns, och ingen annan roll hos samma användare har läst om den här personen."}}
stop contains rego.metadata.rule().custom.id if {
	input.facts.conflict_of_interest
}

# METADATA
# description: The person is on record.
# custom:
#   {id: STAGE-10-A, stage: 10, order: 1, code: NOT-PARTY, outcome: NO_RECORD, statute: OSL 26 kap. 1 §,
#   titles: {sv: Personen finns inte i registret, en: The person is not on record},
#   sv: {description: "Personen finns i registret."}}
stop contains rego.metadata.rule().custom.id if {
	not input.facts.on_record
	input.facts.subject_named
}

# METADATA
# description: Särskilt personsäkerhetsarbete is answered as if there were no record, whoever takes the initiative.
# custom:
#   {id: STAGE-10-B, stage: 10, order: 2, code: BLK-PSW, outcome: NO_RECORD, statute: "OSL 18 kap. 7 §, 35 kap. 11 §",
#   titles: {sv: Särskilt personsäkerhetsarbete, en: Witness protection},
#   sv: {description: "Särskilt personsäkerhetsarbete besvaras som om personen inte fanns, vem som än tar
#   initiativet."}}
stop contains rego.metadata.rule().custom.id if {
	input.facts.psw
	input.facts.subject_named
	not personal_security_officer
}

# METADATA
# description: The user is assigned to the person's matter.
# custom:
#   {id: STAGE-10-C, stage: 10, order: 3, code: NOT-ASSIGNED, outcome: NO_RECORD, statute: OSL 7 kap. 1 §,
#   titles: {sv: Inte behörig i ärendet, en: Not assigned to the matter},
#   sv: {description: "Användaren är tilldelad personens ärende."}}
stop contains rego.metadata.rule().custom.id if {
	not input.facts.assigned
	input.facts.subject_named
	not assignment_not_needed
}

# METADATA
# description: The recipient may know of the person.
# custom:
#   {id: STAGE-10-D, stage: 10, order: 4, code: NOT-PARTY, outcome: NO_RECORD, statute: OSL 26 kap. 1 §,
#   titles: {sv: Mottagaren har ingen känd koppling till personen, en: The recipient has no known relation to the person},
#   sv: {description: "Mottagaren får känna till personen."}}
stop contains rego.metadata.rule().custom.id if {
	not input.facts.may_know
	input.facts.subject_named
	not assignment_not_needed
}

# METADATA
# description: Who is not a listed guardian of a person under 18 is told nothing (section 5).
# custom:
#   {id: STAGE-10-D-GUARDIAN, stage: 10, order: 5, code: NOT-PARTY, outcome: NO_RECORD, statute: FB 6 kap. 11 §,
#   titles: {sv: Inte vårdnadshavare, en: Not a guardian},
#   sv: {description: "Den som inte är angiven vårdnadshavare till någon under 18 år får ingenting veta (avsnitt 5)."}}
stop contains rego.metadata.rule().custom.id if {
	input.actor.kind == "GRD"
	not listed_guardian_of_child
}

# METADATA
# description: The case is open.
# custom:
#   {id: STAGE-11, stage: 11, code: BLK-CLOSED, outcome: DENY, statute: OSL 7 kap. 1 §,
#   titles: {sv: Ärendet är avslutat, en: The case is closed},
#   sv: {description: "Ärendet är öppet."}}
stop contains rego.metadata.rule().custom.id if {
	not input.facts.case_open
	input.facts.subject_named
	not passes_closed_case
}

# METADATA
# description: Not more than one municipality says that it is responsible.
# custom:
#   {id: STAGE-12-CONTESTED, stage: 12, code: BLK-RESP, outcome: REVIEW, statute: SoL 29 kap. 2–4 §§,
#   titles: {sv: Oklart vilken kommun som ansvarar, en: Responsibility is contested},
#   sv: {description: "Högst en kommun uppger att den är ansvarig."}}
stop contains rego.metadata.rule().custom.id if {
	input.facts.responsibility_contested
	input.facts.subject_named
	municipality_takes_part
	not break_glass
}

# METADATA
# description: Registration in the population register makes nobody responsible while another municipality is.
# custom:
#   {id: STAGE-12-REGISTER, stage: 12, code: BLK-RESP, outcome: REVIEW, statute: "OSL 21 kap. 3 a §, SoL 29 kap. 2–4 §§",
#   titles: {sv: Ansvar bara enligt folkbokföringen, en: Responsible by registration only},
#   sv: {description: "Folkbokföring gör ingen kommun ansvarig medan en annan kommun är det."}}
stop contains rego.metadata.rule().custom.id if {
	input.facts.claims_by_register
	input.facts.subject_named
	not break_glass
}

# METADATA
# description: A guardian who is blocked, a hidden place, or a child that decides alone.
# custom:
#   {id: STAGE-13-BLOCKED, stage: 13, order: 1, code: BLK-GRD, outcome: DENY, statute: "OSL 12 kap. 3 §, 26 kap. 2 §",
#   titles: {sv: Vårdnadshavaren får inte fråga, en: The guardian may not ask},
#   sv: {description: "En spärrad vårdnadshavare, en dold plats eller ett barn som beslutar ensamt."}}
stop contains rego.metadata.rule().custom.id if {
	input.actor.kind == "GRD"
	guardian_blocked
}

# METADATA
# description: Nobody has judged the child's maturity in this matter.
# custom:
#   {id: STAGE-13-MATURITY, stage: 13, order: 2, code: BLK-GRD, outcome: REVIEW, statute: OSL 12 kap. 3 §,
#   titles: {sv: Barnets mognad är inte bedömd, en: Maturity is not judged},
#   sv: {description: "Ingen har bedömt barnets mognad i den här saken."}}
stop contains rego.metadata.rule().custom.id if {
	input.actor.kind == "GRD"
	not guardian_may_ask
}

# METADATA
# description: A field that may never be sent is refused by name.
# custom:
#   {id: STAGE-14, stage: 14, code: FORBIDDEN, outcome: DENY, statute: "OSL 18 kap. 7 §, 26 kap. 1 §",
#   titles: {sv: Fältet får aldrig skickas, en: The field may never be sent},
#   sv: {description: "Ett fält som aldrig får skickas avslås vid namn."}}
stop contains rego.metadata.rule().custom.id if {
	some name in input.named
	data.catalogue.types[input.type].fields[name].forbidden
}

# METADATA
# description: The link between two identities asked for by name, by anyone but the personal security unit.
# custom:
#   {id: STAGE-15, stage: 15, code: BLK-PIL, outcome: DENY, statute: "OSL 21 kap. 3 § sista stycket, 22 kap. 2 §",
#   titles: {sv: Koppling mellan identiteter, en: Link between identities},
#   sv: {description: "Kopplingen mellan två identiteter begärs vid namn av någon annan än personsäkerhetsenheten."}}
stop contains rego.metadata.rule().custom.id if {
	some name in input.named
	data.catalogue.types[input.type].fields[name].class == "PIL"
	not personal_security_officer
}

# METADATA
# description: An individual plan needs a consent that names care between the two agencies.
# custom:
#   {id: STAGE-16, stage: 16, code: BLK-SIP, outcome: DENY, statute: SoL 10 kap. 8–9 §§,
#   titles: {sv: Samordnad individuell plan utan samtycke, en: Individual plan without consent},
#   sv: {description: "En individuell plan kräver ett samtycke som anger vård mellan de två myndigheterna."}}
stop contains rego.metadata.rule().custom.id if {
	input.type == "exit.health_coordination"
	not input.values.request_kind in {"referral", "feedback"}
	not input.facts.sip_consent
}

# METADATA
# description: A table that would give somebody away as a whole is not shown (section 17, rules 1 and 5).
# custom:
#   {id: STAGE-17-CELLS, stage: 17, code: BLK-CELL, outcome: DENY, statute: OSL 24 kap. 8 §,
#   titles: {sv: Tabellen röjer enskilda, en: The table would point at somebody},
#   sv: {description: "En tabell som i sin helhet skulle röja någon visas inte (avsnitt 17, reglerna 1 och 5)."}}
stop contains rego.metadata.rule().custom.id if {
	input.type == "exit.followup_report"
	input.table.refused
}

agencies_known if {
	input.facts.agencies_known
	data.catalogue.kinds[input.actor.kind]
	data.catalogue.kinds[input.discloser.kind]
}

roles_known if {
	data.catalogue.roles[input.actor.role]
	data.catalogue.roles[input.discloser.role]
}

# Statements go to the gateway's register, which is no recipient: nobody reads
# what they hold through a decision.
type_routed if {
	some leg in data.catalogue.types[input.type].legs
	not leg.recipients["gateway.register"]
}

asks_properly if {
	input["default"]
	not data.catalogue.types[input.type].named_only
}

asks_properly if {
	input["default"] == false
	input.named[0]
}

person_not_needed if input.type in {"exit.contact", "exit.followup_report"}

person_not_needed if input.bulk

roles_belong if {
	belongs(input.actor)
	belongs(input.discloser)
}

belongs(party) if data.catalogue.roles[party.role].kind == party.kind

belongs(party) if data.catalogue.roles[party.role].kind == "*"

leg_fits if {
	some leg in data.catalogue.types[input.type].legs
	leg.senders[input.discloser.role]
	leg.recipients[input.actor.role]
	urgent_enough(leg)
	agencies_fit(leg)
}

urgent_enough(leg) if leg.acute == false

urgent_enough(_) if input.acute

agencies_fit(leg) if leg.same_agency == false

agencies_fit(_) if input.same_agency

preconditions_of_break_glass if {
	input.facts.threat_to_life
	input.facts.reason_long
	input.facts.diary_number
	input.facts.reauthenticated
	input.facts.window_open
}

# Stage 10 c and d say nothing in first contacts, grant applications and emergencies.
assignment_not_needed if input.type in {"exit.contact", "exit.grant_application", "exit.emergency_access"}

listed_guardian_of_child if {
	input.facts.guardian_listed
	input.facts.under_18
}

passes_closed_case if input.purpose in {"LEGAL_REVIEW", "AUDIT", "SUBJECT_ACCESS"}

passes_closed_case if input.type in {"exit.grant_application", "exit.followup_report", "exit.emergency_access"}

municipality_takes_part if input.actor.kind == "MUN"

municipality_takes_part if input.discloser.kind == "MUN"

guardian_blocked if input.facts.guardian_blocked

guardian_blocked if input.facts.place_hidden

guardian_blocked if input.maturity == "child_alone"
