# Why there is no secrecy to open: recorded like a basis.
package provisions

# METADATA
# description: agency → same agency. No secrecy to break inside one activity; the ceiling still applies.
# custom:
#   id: INTERNAL
#   statute: OSL 8 kap. 1–2 §§
#   titles: {sv: "Inom samma myndighet", en: "Inside one agency"}
#   way: automatic
#   claim_needed: false
#   authority_only: false
#   opens: ["26:1", "35:1", "35:15", "25:1", "SoL 17:11", "21:3", "21:3a", "26:14c", "18:1", "18:2", "18:11",
#     "26:5", "40:7g", "24:8", "18:7", "22:2"]
#   sv:
#     description: "myndighet → samma myndighet. Inom en och samma verksamhet finns ingen sekretess att bryta; taket
#       gäller ändå."
grant contains rego.metadata.rule().custom.id if {
	input.same_agency
}

# METADATA
# description: "any → Socialstyrelsen, coordinating police unit. The small-cell guard has passed."
# custom:
#   id: AGGREGATE
#   statute: OSL 24 kap. 8 §
#   titles: {sv: "Sammanställning som inte pekar ut någon", en: "Aggregates that point at nobody"}
#   way: automatic
#   claim_needed: false
#   authority_only: false
#   opens: ["26:1", "35:1", "35:15", "25:1", "SoL 17:11", "21:3", "21:3a", "26:14c", "18:1", "18:2", "18:11",
#     "26:5", "40:7g", "24:8"]
#   sv:
#     description: "alla → Socialstyrelsen, samordnande polisenhet. Skyddet mot små celler har godtagit tabellen."
grant contains rego.metadata.rule().custom.id if {
	input.type == "exit.followup_report"
	input.purpose == "STATISTICS"
	input.table.checked
}

# METADATA
# description: MUN → grants unit. The receiver cannot attribute it to a person.
# custom:
#   id: PSEUDONYM
#   statute: OSL 26 kap. 1 §
#   titles: {sv: "Pseudonymiserad bidragsansökan", en: "Pseudonymised grant application"}
#   way: automatic
#   claim_needed: false
#   authority_only: false
#   opens: ["26:1"]
#   lawyer: "whether pseudonymised application data is outside 26:1 must be confirmed"
#   sv:
#     description: "MUN → enheten för statliga medel. Mottagaren kan inte hänföra uppgiften till en person."
#     lawyer: "att pseudonymiserade ansökningsuppgifter faller utanför 26:1 måste bekräftas"
grant contains rego.metadata.rule().custom.id if {
	input.type == "exit.grant_application"
	input.purpose == "GRANT"
}

# METADATA
# description: "NCP → MUN, POL. The contact point holds the data only to pass it on."
# custom:
#   id: NCP-INTAKE
#   statute: OSL 10 kap. 2 §
#   titles: {sv: "Kontaktpunkten lämnar en kontakt vidare", en: "Contact point passes on a contact"}
#   way: automatic
#   claim_needed: false
#   authority_only: false
#   opens: ["26:1", "26:5", "21:3"]
#   lawyer: legal home of the national contact point is undecided
#   sv:
#     description: "NCP → MUN, POL. Kontaktpunkten har uppgifterna endast för att lämna dem vidare."
#     lawyer: "den nationella kontaktpunktens rättsliga hemvist är inte bestämd"
grant contains rego.metadata.rule().custom.id if {
	input.type == "exit.contact"
}
