# OSL ch. 10: to prevent and to investigate crime.
package provisions

# METADATA
# description: authority → authority. Needed for a listed purpose; balancing does not point the other way.
# custom:
#   id: OSL-10-15A
#   statute: OSL 10 kap. 15 a §
#   titles: {sv: "Brottsförebyggande, upptäckt av brott, felaktiga utbetalningar", en: "Crime prevention and detection, wrong payments, cheating"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "35:1", "35:15", "21:3", "21:3a", "26:14c"]
#   decision:
#     kind: balancing
#   overreach: BLK-EXCL
#   lawyer: "last item of the list of exceptions was not readable; relation to 10:23"
#   sv:
#     description: "myndighet → myndighet. Behövs för ett uppräknat ändamål; intresseavvägningen pekar inte åt andra
#       hållet."
#     lawyer: "sista punkten i uppräkningen av undantag gick inte att läsa; förhållandet till 10:23"
grant contains rego.metadata.rule().custom.id if {
	input.purpose in {"CRIME_PREVENTION", "CRIME_INVESTIGATION", "WRONG_PAYMENT"}
}

# METADATA
# description: "MUN, SIS → POL. Concrete circumstances show a risk of crime; not unsuitable with regard to
#   support; not suspicion of committed crime."
# custom:
#   id: OSL-10-18A
#   statute: OSL 10 kap. 18 a §
#   titles: {sv: "Förebygga brott av den som är under 21 år", en: "Under 21, future crime"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "21:3", "21:3a", "26:14c"]
#   reach:
#     except_classes: ["INV"]
#   decision:
#     kind: suitability
#   sv:
#     description: "MUN, SIS → POL. Konkreta omständigheter visar en risk för brott; inte olämpligt med hänsyn till
#       stödet; inte misstanke om begånget brott."
grant contains rego.metadata.rule().custom.id if {
	input.purpose == "CRIME_PREVENTION"
	input.facts.under_21
}

# METADATA
# description: "MUN, SIS, REG → POL. Concrete risk."
# custom:
#   id: OSL-10-18B
#   statute: OSL 10 kap. 18 b §
#   titles: {sv: "Förebygga terroristbrott och brott mot rikets säkerhet", en: "Terrorism and security crimes ahead"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["25:1", "26:1", "21:3", "21:3a", "26:14c"]
#   decision:
#     kind: suitability
#     facts:
#       crime_class: {one_of: ["terror", "security"]}
#   sv:
#     description: "MUN, SIS, REG → POL. Konkret risk."
grant contains rego.metadata.rule().custom.id if {
	input.purpose in {"CRIME_PREVENTION", "CRIME_INVESTIGATION"}
}

# METADATA
# description: "MUN, REG → POL. Concrete risk of a crime under BrB ch. 3, 4, 6 with at least one year;
#   suitability."
# custom:
#   id: OSL-10-18C
#   statute: OSL 10 kap. 18 c §
#   titles: {sv: "Förebygga allvarligt våld mot närstående", en: "Serious violence against a close person ahead"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["25:1", "26:1", "21:3", "21:3a", "26:14c"]
#   decision:
#     kind: suitability
#     facts:
#       close_person: {equals: true}
#       min_penalty_years: {at_least: 1}
#   sv:
#     description: "MUN, REG → POL. Konkret risk för brott enligt 3, 4 eller 6 kap. BrB med minst ett års fängelse;
#       lämplighet."
grant contains rego.metadata.rule().custom.id if {
	input.purpose in {"CRIME_PREVENTION", "CRIME_INVESTIGATION", "PROTECTION"}
}

# METADATA
# description: MUN → POL. Found in acute danger or committing crime.
# custom:
#   id: OSL-10-20
#   statute: OSL 10 kap. 20 §
#   titles: {sv: "Omedelbart polisiärt ingripande för ett barn", en: "Immediate police action for a child"}
#   way: automatic
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "21:3", "21:3a", "26:14c"]
#   reach:
#     classes: ["ID", "CON", "RSK"]
#   sv:
#     description: "MUN → POL. Påträffas i akut fara eller när brott begås."
grant contains rego.metadata.rule().custom.id if {
	input.purpose in {"PROTECTION", "CRIME_PREVENTION"}
	input.facts.under_18
	input.facts.on_scene
}

# METADATA
# description: "REG, MUN, SIS → POL. Suspicion of a listed crime against a person under 18."
# custom:
#   id: OSL-10-21
#   statute: OSL 10 kap. 21 §
#   titles: {sv: "Brott mot barn", en: "Crime against a child"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["25:1", "26:1", "21:3", "21:3a", "26:14c"]
#   decision:
#     kind: suspicion
#     facts:
#       victim_under_18: {equals: true}
#   lawyer: list of crimes after the 2025 amendments
#   sv:
#     description: "REG, MUN, SIS → POL. Misstanke om uppräknat brott mot någon under 18 år."
#     lawyer: "brottskatalogen efter ändringarna 2025"
grant contains rego.metadata.rule().custom.id if {
	input.purpose == "CRIME_INVESTIGATION"
}

# METADATA
# description: MUN → POL. Listed crimes.
# custom:
#   id: OSL-10-22
#   statute: OSL 10 kap. 22 §
#   titles: {sv: "Överlåtelse av narkotika m.m. till underårig", en: "Drugs and the like to minors"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1"]
#   decision:
#     kind: suspicion
#     facts:
#       supply_to_minor: {equals: true}
#   sv:
#     description: "MUN → POL. Uppräknade brott."
grant contains rego.metadata.rule().custom.id if {
	input.purpose == "CRIME_INVESTIGATION"
}

# METADATA
# description: "REG, MUN → POL. Suspicion."
# custom:
#   id: OSL-10-22A
#   statute: OSL 10 kap. 22 a §
#   titles: {sv: "Begångna terroristbrott", en: "Committed terrorism crimes"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["25:1", "26:1"]
#   decision:
#     kind: suspicion
#     facts:
#       crime_class: {one_of: ["terror"]}
#   sv:
#     description: "REG, MUN → POL. Misstanke."
grant contains rego.metadata.rule().custom.id if {
	input.purpose == "CRIME_INVESTIGATION"
}

# METADATA
# description: "REG, MUN, SIS → POL. Severity threshold; legal officer."
# custom:
#   id: OSL-10-23
#   statute: OSL 10 kap. 23 §
#   titles: {sv: "Begångna brott, stark sekretess", en: "Committed crimes, strong secrecy"}
#   way: manual
#   claim_needed: true
#   authority_only: true
#   opens: ["25:1", "26:1", "21:3", "21:3a", "26:14c"]
#   lawyer: threshold after the 2025 amendments
#   sv:
#     description: "REG, MUN, SIS → POL. Gräns för brottets svårhet; prövas av jurist."
#     lawyer: "gränsen efter ändringarna 2025"
grant contains rego.metadata.rule().custom.id if {
	input.purpose == "CRIME_INVESTIGATION"
}

# METADATA
# description: KV → POL. Prison in the scale and more than a fine expected.
# custom:
#   id: OSL-10-24
#   statute: OSL 10 kap. 24 §
#   titles: {sv: "Begångna brott, annan sekretess", en: "Committed crimes, other secrecy"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["35:15", "35:1", "21:3", "21:3a", "26:14c"]
#   decision:
#     kind: threshold
#     facts:
#       sanction_above_fine: {equals: true}
#   lawyer: wording after the 2025 amendments
#   sv:
#     description: "KV → POL. Fängelse i straffskalan och strängare påföljd än böter att vänta."
#     lawyer: "lydelsen efter ändringarna 2025"
grant contains rego.metadata.rule().custom.id if {
	input.purpose == "CRIME_INVESTIGATION"
}
