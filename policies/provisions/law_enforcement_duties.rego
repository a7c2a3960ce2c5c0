# Other duties, which open secrecy through OSL 10:28.
package provisions

# METADATA
# description: "POL → MUN. A duty that opens nothing by itself: must be joined by OSL-10-27 or OSL-12-2."
# custom:
#   id: PL-6
#   statute: polislagen 6 §
#   titles: {sv: "Polisens underrättelse till socialtjänsten", en: "Police tell socialtjänst what should lead to action"}
#   way: decision
#   claim_needed: true
#   authority_only: false
#   opens: []
#   decision:
#     kind: duty
#   lawyer: "whether it breaks secrecy through 10:28"
#   sv:
#     description: "POL → MUN. En skyldighet som inte själv öppnar någon sekretess: den ska förenas med OSL-10-27 eller
#       OSL-12-2."
#     lawyer: "om den är sekretessbrytande genom 10:28"
grant contains rego.metadata.rule().custom.id if {
	recipient_connected
}

# METADATA
# description: "any authority, private social and health care → POL. Request, needed in law enforcement; not if
#   exceptional reasons. Here: by hand if the person is protected, the threat is elevated, the value is PAD or
#   the discloser is a provider."
# custom:
#   id: L170-4
#   statute: lag (2025:170) 4 §
#   titles: {sv: "Kontaktuppgifter till brottsbekämpande myndigheter", en: "Contact details to law enforcement"}
#   way: automatic
#   claim_needed: true
#   authority_only: true
#   opens: ["26:1", "25:1", "35:15", "SoL 17:11", "21:3"]
#   reach:
#     fields: ["phone", "email", "current_address", "subject_phone"]
#   sv:
#     description: "alla myndigheter, enskild socialtjänst och hälso- och sjukvård → POL. På begäran, behövs i
#       brottsbekämpningen; inte vid synnerliga skäl. Här: för hand om personen är skyddad, hotet är förhöjt, uppgiften
#       är PAD eller utlämnaren är en utförare."
grant contains rego.metadata.rule().custom.id if {
	input.type in {"exit.info_request", "exit.emergency_access"}
	input.purpose in {"CRIME_PREVENTION", "CRIME_INVESTIGATION", "EMERGENCY"}
	contact_requested
}

# METADATA
# description: "KV → POL (not SIS, not SOC). Not if it is clear that the secrecy interest wins."
# custom:
#   id: L170-5
#   statute: lag (2025:170) 5 §
#   titles: {sv: "Vissa statliga myndigheters uppgiftsskyldighet", en: "General duty of listed state agencies"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["35:15", "21:3"]
#   decision:
#     kind: balancing
#   overreach: BLK-EXCL
#   sv:
#     description: "KV → POL (inte SIS, inte SOC). Inte om det står klart att sekretessintresset väger över."
grant contains rego.metadata.rule().custom.id if {
	input.purpose in {"CRIME_PREVENTION", "CRIME_INVESTIGATION"}
}

# METADATA
# description: "MUN, REG → POL. Never 25:1–8, 26:1–6 (8 §), so nothing here."
# custom:
#   id: L170-6
#   statute: lag (2025:170) 6 §
#   titles: {sv: "Kommuners och regioners uppgiftsskyldighet", en: "General duty of municipalities and regions"}
#   way: never
#   claim_needed: true
#   authority_only: true
#   opens: []
#   sv:
#     description: "MUN, REG → POL. Aldrig 25:1–8, 26:1–6 (8 §), alltså ingenting här."
never contains rego.metadata.rule().custom.id if {
	false
}

# METADATA
# description: "POL, MUN → Skatteverket. Outside the gateway."
# custom:
#   id: FOL-17A
#   statute: folkbokföringslagen 17 a §
#   titles: {sv: "Bistånd åt Skatteverket", en: "Assist Skatteverket"}
#   way: never
#   claim_needed: true
#   authority_only: false
#   opens: []
#   sv:
#     description: "POL, MUN → Skatteverket. Utanför gatewayen."
never contains rego.metadata.rule().custom.id if {
	false
}

# METADATA
# description: any → POL. Request; no message type carries it yet.
# custom:
#   id: LFP-5
#   statute: lag (1991:483) 5 §
#   titles: {sv: "Ärende om fingerade personuppgifter", en: "Fictitious identity case"}
#   way: manual
#   claim_needed: true
#   authority_only: false
#   opens: ["26:1", "25:1", "35:15"]
#   sv:
#     description: "alla → POL. På begäran; ingen meddelandetyp bär den än."
grant contains rego.metadata.rule().custom.id if {
	recipient_connected
}

# METADATA
# description: "listed state agencies; not MUN, SIS, REG. Cannot carry exit cases."
# custom:
#   id: L774-2
#   statute: lag (2016:774) 2 §
#   titles: {sv: "Samverkan mot organiserad brottslighet", en: "Cooperation against organised crime"}
#   way: never
#   claim_needed: true
#   authority_only: false
#   opens: []
#   sv:
#     description: "uppräknade statliga myndigheter; inte MUN, SIS, REG. Kan inte bära avhopparärenden."
never contains rego.metadata.rule().custom.id if {
	false
}

# METADATA
# description: REG → POL and others. Request in a single case; no message type carries it yet.
# custom:
#   id: PSL-6-15
#   statute: PSL 6 kap. 15 § p. 1
#   titles: {sv: "Uppgift om att någon vistas på sjukvårdsinrättning", en: "Whether someone is admitted"}
#   way: manual
#   claim_needed: true
#   authority_only: false
#   opens: ["25:1"]
#   sv:
#     description: "REG → POL med flera. På begäran i ett enskilt fall; ingen meddelandetyp bär den än."
grant contains rego.metadata.rule().custom.id if {
	recipient_connected
}

# METADATA
# description: Exceptional reasons - a protected person, an elevated threat or a private discloser - are weighed by hand.
# custom:
#   id: L170-4-EXCEPTIONAL
#   basis: L170-4
#   statute: lag (2025:170) 4 §
#   titles: {sv: "Synnerliga skäl: prövas för hand", en: "Exceptional reasons: decided by hand"}
#   sv:
#     description: "Synnerliga skäl – en skyddad person, ett förhöjt hot eller en enskild utlämnare – vägs för hand."
by_hand contains rego.metadata.rule().custom.id if {
	exceptional_reasons
}

# METADATA
# description: Only ordinary contact details leave without a person looking at them.
# custom:
#   id: L170-4-OTHER-CLASS
#   basis: L170-4
#   statute: lag (2025:170) 4 §
#   titles: {sv: "Annat än vanliga kontaktuppgifter: prövas för hand", en: "Other than ordinary contact details: decided by hand"}
#   reach:
#     except_classes: ["CON"]
#   sv:
#     description: "Bara vanliga kontaktuppgifter lämnas utan att en människa prövar dem."
by_hand contains rego.metadata.rule().custom.id if {
	input.type in {"exit.info_request", "exit.emergency_access"}
}
