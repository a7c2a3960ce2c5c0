# Named conditions that provisions share. Each reads registered facts only, and
# data.catalogue: the kinds, roles, purposes and message types of the active
# snapshot, as the gateway puts them together from policies/data and
# policies/message_types (sets as objects whose members are true).
package provisions

break_glass if input.type == "exit.emergency_access"

recipient_is_authority if data.catalogue.kinds[input.actor.kind].authority == true

recipient_is_private if data.catalogue.kinds[input.actor.kind].authority == false

recipient_connected if data.catalogue.kinds[input.actor.kind]

personal_security_officer if input.actor.role == "police.personal_security_officer"

# Section 5: a listed guardian of a person under 18 who may ask, alone or with the child.
guardian_may_ask if {
	input.actor.kind == "GRD"
	input.facts.guardian_listed
	input.facts.under_18
	input.maturity in {"joint", "guardian_alone"}
	not input.facts.guardian_blocked
	not input.facts.place_hidden
}

# SoL 29:10-12, old municipality to new: the recipient is responsible or about to be.
takes_over_case if input.facts.actor_responsible

takes_over_case if input.facts.actor_receiving

# SoL 29:10-12, new municipality to old.
returns_status if {
	input.facts.actor_previous
	not takes_over_case
}

# Lag (2025:170) 4 §: a duty towards who asks. Break-glass is asked for by its nature (section 18).
contact_requested if input.facts.asked

contact_requested if break_glass

# Lag (2025:170) 4 §: what the software takes for exceptional reasons.
exceptional_reasons if input.facts.protected

exceptional_reasons if input.facts.elevated_threat

exceptional_reasons if input.discloser.kind == "PRV"
