# OSL ch. 10: the discloser's own task, reservations, the general clause.
package provisions

# METADATA
# description: "any authority → anyone, also providers. Narrow; the discloser has an open decision of its own on
#   the measure."
# custom:
#   id: OSL-10-2
#   statute: OSL 10 kap. 2 §
#   titles: {sv: "Nödvändigt utlämnande för egen verksamhet", en: "Necessary for the discloser's own task"}
#   way: decision
#   claim_needed: true
#   authority_only: false
#   opens: ["26:1", "35:1", "35:15", "25:1", "21:3", "21:3a", "26:14c", "18:1", "18:11"]
#   decision:
#     kind: necessity
#     facts:
#       own_decision_ref: {present: true}
#   lawyer: "whether a municipality's disclosure to its own contracted provider rests on 10:2 is disputed"
#   sv:
#     description: "alla myndigheter → vem som helst, även utförare. Snäv; utlämnaren har själv ett öppet beslut om
#       åtgärden."
#     lawyer: "om en kommuns utlämnande till sin egen upphandlade utförare kan stödjas på 10:2 är omtvistat"
grant contains rego.metadata.rule().custom.id if {
	recipient_connected
}

# METADATA
# description: any → gateway operator. The operator has no right to content and holds no keys.
# custom:
#   id: OSL-10-2A
#   statute: OSL 10 kap. 2 a §
#   titles: {sv: "Teknisk bearbetning och lagring", en: "Technical processing"}
#   way: never
#   claim_needed: true
#   authority_only: false
#   opens: []
#   sv:
#     description: "alla → gatewayens driftleverantör. Leverantören har ingen rätt till innehållet och har inga
#       nycklar."
never contains rego.metadata.rule().custom.id if {
	false
}

# METADATA
# description: "any → provider, person. Decision with reservation, acknowledged by the receiver."
# custom:
#   id: OSL-10-14
#   statute: OSL 10 kap. 14 §
#   titles: {sv: "Utlämnande med förbehåll", en: "With a reservation (förbehåll)"}
#   way: decision
#   claim_needed: true
#   authority_only: false
#   opens: ["26:1", "35:1", "35:15", "25:1", "SoL 17:11", "21:3", "21:3a", "26:14c"]
#   decision:
#     kind: reservation
#     facts:
#       reservation_acknowledged: {equals: true}
#   sv:
#     description: "alla → utförare, enskild. Beslut med förbehåll, kvitterat av mottagaren."
grant contains rego.metadata.rule().custom.id if {
	recipient_is_private
}

# METADATA
# description: any → Government. The small-cell guard has passed.
# custom:
#   id: OSL-10-15
#   statute: OSL 10 kap. 15 §
#   titles: {sv: "Till regeringen", en: "To the Government"}
#   way: automatic
#   claim_needed: false
#   authority_only: false
#   opens: ["26:1", "35:1", "35:15", "25:1", "SoL 17:11", "21:3", "21:3a", "26:14c", "18:1", "18:2", "18:11",
#     "26:5", "40:7g", "24:8"]
#   sv:
#     description: "alla → regeringen. Skyddet mot små celler har godtagit tabellen."
grant contains rego.metadata.rule().custom.id if {
	input.type == "exit.followup_report"
	input.purpose == "STATISTICS"
	input.table.checked
}

# METADATA
# description: any → serving authority. Needed for delgivning; no serving authority is connected.
# custom:
#   id: OSL-10-26
#   statute: OSL 10 kap. 26 §
#   titles: {sv: "Delgivning", en: "Service of documents"}
#   way: manual
#   claim_needed: true
#   authority_only: false
#   opens: ["26:1", "25:1", "21:3"]
#   reach:
#     fields: ["phone", "email", "current_address"]
#   sv:
#     description: "alla → delgivningsmyndighet. Behövs för delgivning; ingen delgivningsmyndighet är ansluten."
grant contains rego.metadata.rule().custom.id if {
	recipient_connected
}

# METADATA
# description: authority → authority. Obvious that the need outweighs the protected interest.
# custom:
#   id: OSL-10-27
#   statute: OSL 10 kap. 27 §
#   titles: {sv: "Generalklausulen", en: "General clause (generalklausulen)"}
#   way: decision
#   claim_needed: true
#   authority_only: true
#   opens: ["18:1", "18:2", "18:11", "35:1", "35:15", "22:2", "21:3", "21:3a", "26:14c"]
#   decision:
#     kind: balancing_obvious
#   overreach: BLK-EXCL
#   sv:
#     description: "myndighet → myndighet. Uppenbart att behovet har företräde framför det intresse som sekretessen ska
#       skydda."
grant contains rego.metadata.rule().custom.id if {
	recipient_is_authority
}
