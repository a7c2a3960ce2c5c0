# The join, written for reading: how the sets of the provisions become one
# answer per field (domain, sections 16.3 to 16.5). The gateway decides with the
# same join in Go; a test holds the two equal over many thousand questions. An
# auditor can decide with this one and stock opa.
#
# It reads, besides the tables of policies/data: data.register, the METADATA of
# the provisions by set and id (gatewayctl writes it), and data.routes for what
# a leg carries.
package reference

import data.provisions

decision := {
	"outcome": outcome,
	"reason": reason,
	"allowed": {name: basis_of(f.by) | some name, f in fields; f.by != ""},
	"withheld": {name: f.reason | some name, f in fields; f.by == ""},
	"suppressed": suppressed,
	"obligations": obligations,
}

held := provisions.decision

law := provisions.constants

provision(set, id) := data.register[set][id]

basis_of(id) := provision("grant", id).basis

message := data.catalogue.types[input.type]

flow := object.get(object.get(data.flows, input.discloser.kind, {}), input.actor.kind, {})

column(name) := object.get(flow, name, [])

# --- The stage that ends the decision.

first_stop := provision("stop", first[2]) if {
	first := min([[p.stage, p.order, id] | some id in held.stop; p := provision("stop", id)])
}

# --- The leg, and what a field is under it.

leg := [l |
	some i, l in data.routes[input.type]
	fitting := message.legs[i]
	fitting.senders[input.discloser.role]
	fitting.recipients[input.actor.role]
	fits(fitting)
][0]

fits(l) if {
	[l.acute, input.acute] != [true, false]
	[l.same_agency, input.same_agency] != [true, false]
}

leg_carries(name) if {
	class := message.fields[name].class
	every limit in [object.get(leg, "only_classes", [class])] { class in limit }
	not class in object.get(leg, "without_classes", [])
	name in object.get(leg, "only_fields", [name])
}

effective(name) := class if {
	input.facts.protected
	class := law.protected_class[message.fields[name].class]
} else := message.fields[name].class

locating(name) if message.fields[name].locating

locating(name) if effective(name) == law.locating_class

rules(name) := message.fields[name].origin[input.discloser.kind]

letter(name) := e.cell if {
	some e in data.ceilings.exceptions
	e.role == input.actor.role
	e.class == effective(name)
	not input.type in e.except_messages
} else := data.ceilings.matrix[input.actor.role][effective(name)]

cell(name) := law.cells[letter(name)]

admitted(name) if {
	cell_admits(cell(name), message.fields[name].subclass)
	leg_carries(name)
}

cell_admits(c, _) if c.admits == "any"

cell_admits(c, subclass) if {
	c.admits == "subclass"
	subclass in c.subclasses
}

cell_admits(c, _) if {
	c.admits == "own"
	input.same_agency
}

# --- Reach.

reaches(p, name) if {
	not effective(name) in p.reach.except_classes
	not name in p.reach.except_fields
	place_if_asked(p, name)
	listed(p, name)
}

place_if_asked(p, _) if not p.reach.locating

place_if_asked(_, name) if locating(name)

listed(p, _) if (count(p.reach.classes) + count(p.reach.fields)) + count(p.reach.decision_classes) == 0

listed(p, name) if effective(name) in p.reach.classes

listed(p, name) if name in p.reach.fields

listed(p, name) if effective(name) in p.reach.decision_classes

restricted(name, from, below) := code if {
	codes := [[p.step, id, p.code] |
		some id in held.restriction
		p := provision("restriction", id)
		p.step >= from
		p.step < below
		reaches(p, name)
	]
	code := min(codes)[2]
}

# --- Trying the bases (section 16.4).

glass := [p | some id in held.adjustment; p := provision("adjustment", id); p.change == "emergency"]

lifted(name) if letter(name) in glass[0].lifts_cells

ids(basis) := sort([id | some id, p in data.register.grant; p.basis == basis])

ordinary := [{"id": id, "column": c} | some c in ["automatic", "decision", "manual"]; some basis in column(c); some id in ids(basis)]

in_emergency := [{"id": id, "column": "automatic"} |
	some basis in glass[0].bases
	some id in ids(basis)
	of_emergency(provision("grant", id))
]

of_emergency(p) if p.way == "emergency"

of_emergency(p) if {
	p.way == "automatic"
	p.basis in column("automatic")
}

tries := in_emergency if {
	count(glass) > 0
} else := ordinary

answers(name) := [{"id": t.id, "answer": answer(t, provision("grant", t.id), name)} | some t in tries]

answer(t, p, name) := "no" if {
	not tried(t, p, name)
} else := "no" if {
	count(glass) > 0
	decided_by_hand(t, p, name)
} else := "no" if {
	count(glass) > 0
	decided(p, name)
} else := "by hand" if {
	decided_by_hand(t, p, name)
} else := consent(name) if {
	p.consent
	consent(name) != "opens"
} else := standing(input.decision, p.basis, name) if {
	decided(p, name)
} else := standing(input.field_release, p.basis, name) if {
	cell(name).decision
	not lifted(name)
} else := "opens"

tried(t, p, name) if {
	t.id in held.grant
	p.way != "never"
	claimed_if_needed(p)
	authority_if_needed(p)
	every rule in rules(name) { rule in p.opens }
	reaches(p, name)
}

claimed_if_needed(p) if not p.claim_needed

claimed_if_needed(p) if p.basis in input.claimed

claimed_if_needed(_) if count(glass) > 0

authority_if_needed(p) if not p.authority_only

authority_if_needed(_) if data.catalogue.kinds[input.actor.kind].authority

decided_by_hand(_, p, _) if p.way == "manual"

decided_by_hand(t, _, _) if t.column == "manual"

decided_by_hand(_, p, name) if {
	some id in held.by_hand
	provision("by_hand", id).basis == p.basis
	reaches(provision("by_hand", id), name)
}

decided(p, _) if p.way == "decision"

decided(p, name) if effective(name) in p.reach.decision_classes

consent(name) := "opens" if {
	"in_force" in consents(name)
} else := "out of date" if {
	"out_of_date" in consents(name)
} else := "no"

consents(name) := {s |
	data.classes[effective(name)].consentable
	some class in [effective(name), concat(".", [effective(name), message.fields[name].subclass])]
	s := input.consent[class]
}

standing(decisions, basis, name) := "opens" if {
	decisions[basis][name] == "in_force"
} else := "out of date" if {
	decisions[basis][name] == "out_of_date"
} else := "no decision"

# --- One field (section 16.3): "by" is the provision that opens it, or "".

asked_by_name(name) if name in input.named

asked(_) if input["default"]

asked(name) if asked_by_name(name)

decided_fields := {name | some name, _ in message.fields; not message.named_only} | {name | some name in input.named}

said(name) := {a.answer | some a in answers(name)}

opening(name) := [a.id | some a in answers(name); a.answer == "opens"][0]

alone := {name: object.union(
	{"by": "", "reason": "", "said": said(name)},
	one(name),
) |
	some name in decided_fields
}

one(name) := {"reason": "NOT-HELD"} if {
	not rules(name)
} else := {"reason": "FORBIDDEN"} if {
	message.fields[name].forbidden
} else := {"reason": restricted(name, 1, 6)} if {
	restricted(name, 1, 6)
} else := opened(name) if {
	opening(name)
} else := unopened(name)

opened(name) := {"reason": p.third_party} if {
	p := provision("grant", opening(name))
	p.third_party != ""
	input.about[name] == false
} else := {"reason": "CEILING"} if {
	not admitted(name)
} else := {"reason": "NOT-NAMED"} if {
	not named_as_needed(name)
} else := {"by": opening(name)}

unopened(name) := {"reason": "BLK-STALE"} if {
	public(name)
	"out of date" in said(name)
} else := {"reason": "BLK-PUB"} if {
	public(name)
} else := {"reason": "CEILING"} if {
	not admitted(name)
} else := {"reason": "BLK-STALE"} if {
	"out of date" in said(name)
} else := {"reason": "MANUAL"} if {
	"by hand" in said(name)
} else := {"reason": "NO-DECISION"} if {
	"no decision" in said(name)
} else := {"reason": restricted(name, 8, 9)} if {
	restricted(name, 8, 9)
} else := {"reason": "BLK-PRIV"} if {
	not data.catalogue.kinds[input.actor.kind].authority
	some basis in input.claimed
	some p in known(basis)
	p.authority_only
} else := {"reason": "BLK-EXCL"} if {
	some basis in input.claimed
	in_vain(basis, name)
} else := {"reason": "NO-BASIS"}

public(name) if {
	some rule in rules(name)
	data.rules[rule].public_interest
}

known(basis) := [p | some set in ["grant", "never"]; some p in data.register[set]; p.basis == basis]

in_vain(basis, _) if basis in column("excluded")

in_vain(basis, name) if {
	some c in ["automatic", "decision", "manual"]
	basis in column(c)
	some p in known(basis)
	p.overreach != ""
	some rule in rules(name)
	not rule in p.opens
}

named_as_needed(name) if {
	cell(name).named
	not lifted(name)
	asked_by_name(name)
	input.reason
}

named_as_needed(name) if {
	not cell(name).named
	asked(name)
}

named_as_needed(name) if {
	lifted(name)
	asked(name)
}

# --- What the fields mean as a whole.

rule(change) := [p | some id in held.adjustment; p := provision("adjustment", id); p.change == change][0]

# The carrier rule.
carrying := min([[message.fields[name].n, f.by] |
	some name, f in alone
	f.by != ""
	message.fields[name].class != rule("carry").class
])[1]

carried := object.union(alone, {name: object.union(f, {"by": carrying, "reason": ""}) |
	some name, f in alone
	f.by == ""
	message.fields[name].class == rule("carry").class
	asked(name)
	f.reason in rule("carry").reasons
	not letter(name) in rule("carry").except_cells
	admitted(name)
	named_as_needed(name)
	every r in rules(name) { r in provision("grant", carrying).opens }
	not third_party_uncovered(provision("grant", carrying), name)
})

third_party_uncovered(p, name) if {
	p.third_party != ""
	input.about[name] == false
}

# The patient rule.
kept := {name: object.union(f, {"by": "", "reason": rule("keep_together").reason}) |
	some name, f in carried
	f.by != ""
	released_classes := {message.fields[n].class | some n, g in carried; g.by != ""}
	not rule("keep_together").class in released_classes
}

together := object.union(carried, kept)

fields := object.union(together, {name: object.union(f, {"by": "", "reason": restricted(name, 11, 99)}) |
	not first_stop
	some name, f in together
	f.by != ""
	restricted(name, 11, 99)
}) if {
	not first_stop
} else := {}

# --- Results (section 16.5).

released := {name | some name, f in fields; f.by != ""}

missing := {name | some name, f in fields; f.by == ""; asked(name)}

curable := {name |
	some name in missing
	admitted(name)
	fields[name].reason in law.curable
	count(fields[name].said & {"out of date", "by hand", "no decision"}) > 0
	fields[name].by == ""
	not first_restricted(name)
}

# A field that a restriction closes before the bases are tried cannot be cured.
first_restricted(name) if restricted(name, 1, 6)

suppressed := [id | some id in input.table.blanked] if {
	some name in released
	name == "cells"
} else := []

outcome := first_stop.outcome if {
	first_stop
} else := glass[0].outcome if {
	count(glass) > 0
	count(released) > 0
} else := "PERMIT" if {
	count(released) > 0
	count(missing) + count(suppressed) == 0
} else := "PARTIAL" if {
	count(released) > 0
} else := "DENY" if {
	count(glass) > 0
} else := "REVIEW" if {
	count(curable) > 0
} else := "DENY"

reason := first_stop.code if {
	first_stop
} else := "" if {
	count(released) > 0
} else := glass[0].otherwise if {
	count(glass) > 0
} else := [r | some r in law.curable; some name in curable; fields[name].reason == r][0] if {
	count(curable) > 0
} else := [r | some r in law.deny_order; some name in missing; fields[name].reason == r][0]

# --- Obligations (section 16.7).

obligations := {p.code | some id in held.obligation; p := provision("obligation", id); some w in p.when; arises(w)}

arises(w) if {
	any_of(w.outcomes, {outcome})
	any_of(w.reasons, {reason})
	not reason in w.except_reasons
	any_of(w.stages, {s | s := first_stop.stage})
	by_fields(w)
	any_of(w.released_classes, {message.fields[name].class | some name in released})
	any_of(w.released_bases, {basis_of(fields[name].by) | some name in released})
	could_open(w)
}

any_of(given, _) if count(given) == 0

any_of(given, found) if {
	some x in given
	x in found
}

by_fields(w) if not w.by_fields

by_fields(_) if not first_stop

could_open(w) if not w.named_could_open

could_open(_) if {
	some name in curable
	asked_by_name(name)
	some a in answers(name)
	a.answer in {"out of date", "by hand", "no decision"}
	basis_of(a.id) in input.claimed
}
