# Necessity, used where no ordinary rule fits (section 18 of the domain).
package provisions

# METADATA
# description: any → emergency roles. Danger to life or health; last resort.
# custom:
#   id: BRB-24-4
#   statute: BrB 24 kap. 4 §
#   titles: {sv: "Nöd", en: "Necessity (nöd)"}
#   way: emergency
#   claim_needed: true
#   authority_only: false
#   opens: ["26:1", "35:1", "35:15", "25:1", "SoL 17:11", "21:3", "21:3a", "26:14c"]
#   lawyer: "an excuse in criminal law, not a rule on disclosure"
#   sv:
#     description: "alla → roller med nödåtkomst. Fara för liv eller hälsa; sista utväg."
#     lawyer: "en straffrättslig ansvarsfrihetsgrund, ingen regel om utlämnande"
grant contains rego.metadata.rule().custom.id if {
	input.type == "exit.emergency_access"
}
