# The one document that the gateway asks for: always defined, made of sets, so
# that no two provisions can contradict each other. How the sets become one
# answer per field is section 16.3 of the domain ("the join").
package provisions

decision := {
	"stop": stop,
	"grant": grant,
	"by_hand": by_hand,
	"restriction": restriction,
	"adjustment": adjustment,
	"obligation": obligation,
}

# constants are what the join reads from the law and not from the request.
constants := {
	# What each cell of the ceilings admits (section 14). "any": every field of
	# the class; "own": only what the recipient's own agency discloses.
	"cells": {
		"A": {"admits": "any"},
		"C": {"admits": "any", "named": true},
		"R": {"admits": "any", "named": true, "decision": true},
		"S": {"admits": "subclass", "subclasses": ["functional", "flag", "summary"]},
		"P": {"admits": "subclass", "subclasses": ["alias", "pseudonymous"]},
		"O": {"admits": "own"},
		"D": {"admits": "none"},
	},
	# An ordinary contact detail of a protected person locates (section 4).
	"protected_class": {"CON": "PAD"},
	"locating_class": "PAD",
	# Reasons that a person at the discloser can cure, and their order in a REVIEW (section 16.5).
	"curable": ["BLK-STALE", "MANUAL", "NO-DECISION", "BLK-PUB"],
	# The order of reasons of a DENY on fields (section 16.5).
	"deny_order": [
		"FORBIDDEN", "BLK-PIL", "BLK-LOC", "BLK-3P", "BLK-PRIV", "BLK-EXCL", "NO-BASIS", "BLK-STALE", "BLK-PUB",
		"NO-DECISION", "BLK-CELL", "CEILING", "NOT-NAMED", "NOT-HELD",
	],
	# What the recipient is shown instead, so that no reason tells of a hidden place or of another person (section 16.1).
	"shown": {"BLK-LOC": "NO-BASIS", "BLK-3P": "NO-BASIS"},
}
