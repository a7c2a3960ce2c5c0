# OSL ch. 35: police and Kriminalvården.
package provisions

# METADATA
# description: POL → KV. As OSL-26-9B.
# custom:
#   id: OSL-35-10B
#   statute: OSL 35 kap. 10 b §
#   titles: {sv: "Verkställighetsplan för ungdomsövervakning, från polisen", en: "Youth supervision plan"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["35:1"]
#   decision:
#     kind: youth_supervision
#     facts:
#       youth_supervision: {equals: true}
#   sv:
#     description: "POL → KV. Som OSL-26-9B."
grant contains rego.metadata.rule().custom.id if {
	recipient_is_authority
}

# METADATA
# description: POL → MUN. May help prevent; balancing.
# custom:
#   id: OSL-35-10C
#   statute: OSL 35 kap. 10 c §
#   titles: {sv: "Polisen till socialtjänsten för att förebygga terrorism", en: "Police → socialtjänst, terrorism prevention"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["35:1"]
#   decision:
#     kind: balancing
#     facts:
#       crime_class: {one_of: ["terror"]}
#   sv:
#     description: "POL → MUN. Kan bidra till att förebygga; intresseavvägning."
grant contains rego.metadata.rule().custom.id if {
	recipient_is_authority
}

# METADATA
# description: POL → Brå. In-depth review of a provider; outside the gateway.
# custom:
#   id: OSL-35-10E
#   statute: OSL 35 kap. 10 e §
#   titles: {sv: "Polisen till Brås kontaktpunkt", en: "Police → Brå contact point"}
#   way: never
#   claim_needed: true
#   authority_only: false
#   opens: []
#   sv:
#     description: "POL → Brå. Fördjupad granskning av en utförare; utanför gatewayen."
never contains rego.metadata.rule().custom.id if {
	false
}

# METADATA
# description: KV → others. As OSL-26-9B.
# custom:
#   id: OSL-35-15A
#   statute: OSL 35 kap. 15 a §
#   titles: {sv: "Verkställighetsplan för ungdomsövervakning, från Kriminalvården", en: "Youth supervision plan"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["35:15"]
#   decision:
#     kind: youth_supervision
#     facts:
#       youth_supervision: {equals: true}
#   sv:
#     description: "KV → andra. Som OSL-26-9B."
grant contains rego.metadata.rule().custom.id if {
	recipient_is_authority
}

# METADATA
# description: "mostly KV → anyone. Decided individually: no harm."
# custom:
#   id: OSL-HARM
#   statute: OSL 35 kap. 15 § (skadeprövning)
#   titles: {sv: "Skadeprövning: ingen skada i detta fall", en: "No harm in this case"}
#   way: decision
#   claim_needed: true
#   authority_only: false
#   opens: ["35:15", "21:3"]
#   decision:
#     kind: harm_test
#   sv:
#     description: "främst KV → vem som helst. Beslutat i det enskilda fallet: ingen skada, inget men."
grant contains rego.metadata.rule().custom.id if {
	recipient_connected
}
