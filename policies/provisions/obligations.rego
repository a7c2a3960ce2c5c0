# What must follow a decision (domain, section 16.7). The body says about which
# requests, "when" after which results; any one entry of "when" suffices.
package provisions

# METADATA
# description: The entry is written before anything is released.
# custom:
#   {id: OBLIGATION-LOG, code: log, statute: lag (2001:454) 10 §,
#   titles: {sv: Logga, en: Write the entry}, when: [{}],
#   sv: {description: "Loggposten skrivs innan något lämnas ut."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type
}

# METADATA
# description: A task goes to a role that decides at the disclosing agency.
# custom:
#   {id: OBLIGATION-REVIEW-TASK, code: review_task, statute: OSL 6 kap. 3 §,
#   titles: {sv: Prövningsärende, en: Review task}, when: [{outcomes: [REVIEW], except_reasons: [MANUAL]}],
#   sv: {description: "Ett ärende går till en roll som får fatta beslut hos den utlämnande myndigheten."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type
}

# METADATA
# description: What is decided by hand goes to the legal officer.
# custom:
#   {id: OBLIGATION-LEGAL-OFFICER, code: review_by_legal_officer, statute: OSL 6 kap. 3 §,
#   titles: {sv: Prövning av jurist, en: Review by the legal officer}, when: [{outcomes: [REVIEW], reasons: [MANUAL]}],
#   sv: {description: "Det som prövas för hand går till juristen."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type
}

# METADATA
# description: A field asked for by name was withheld, and a claimed basis could still open it.
# custom:
#   {id: OBLIGATION-REVIEW-ITEM, code: review_item, statute: OSL 6 kap. 3 §,
#   titles: {sv: Återstående fält att pröva, en: Fields left to review}, when: [{outcomes: [PARTIAL], named_could_open: true}],
#   sv: {description: "Ett fält som begärts vid namn hölls inne, och en åberopad grund kan ännu öppna det."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type
}

# METADATA
# description: The personal security unit is asked before a protected person's data is weighed by hand.
# custom:
#   {id: OBLIGATION-CONSULT, code: consult_personal_security, statute: OSL 21 kap. 3 §,
#   titles: {sv: Samråd med personsäkerhet, en: Consult personal security}, when: [{outcomes: [REVIEW], reasons: [MANUAL]}],
#   sv: {description: "Personsäkerhetsenheten tillfrågas innan en skyddad persons uppgifter prövas för hand."}}
obligation contains rego.metadata.rule().custom.id if {
	input.facts.protected
}

# METADATA
# description: Outside the circle that may know, agencies stand behind their aliases.
# custom:
#   {id: OBLIGATION-ALIAS, code: alias_agencies, statute: "OSL 21 kap. 3 och 3 a §§",
#   titles: {sv: Myndighetsalias, en: Agency aliases}, when: [{outcomes: [PERMIT, PARTIAL, BREAK_GLASS]}],
#   sv: {description: "Utanför kretsen som får veta står myndigheter bakom sina alias."}}
obligation contains rego.metadata.rule().custom.id if {
	place_is_secret
	not may_know_agencies
}

# METADATA
# description: A threat level is shown with the day it ends.
# custom:
#   {id: OBLIGATION-VALIDITY, code: show_validity, statute: OSL 35 kap. 1 §,
#   titles: {sv: Visa giltighet, en: Show the validity}, when: [{released_classes: [RSK, RDT]}],
#   sv: {description: "En hotnivå visas med sin sista giltighetsdag."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type == "exit.threat_assessment"
}

# METADATA
# description: What is left of an old assessment is marked as expired.
# custom:
#   {id: OBLIGATION-EXPIRED, code: mark_expired, statute: OSL 35 kap. 1 §,
#   titles: {sv: Märk som utgången, en: Mark as expired}, when: [{outcomes: [PERMIT, PARTIAL]}],
#   sv: {description: "Det som återstår av en gammal bedömning märks som utgånget."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type == "exit.threat_assessment"
	not input.facts.assessment_valid
}

# METADATA
# description: The reservation binds the receiver only if it is seen.
# custom:
#   {id: OBLIGATION-RESERVATION, code: show_reservation, statute: OSL 10 kap. 14 §,
#   titles: {sv: Visa förbehållet, en: Show the reservation}, when: [{released_bases: [OSL-10-14]}],
#   sv: {description: "Förbehållet binder mottagaren endast om mottagaren ser det."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type
}

# METADATA
# description: The answer has the words, shape and timing of one about an unknown person.
# custom:
#   {id: OBLIGATION-NEUTRAL, code: neutral_answer, statute: OSL 26 kap. 1 §,
#   titles: {sv: Neutralt svar, en: Neutral answer}, when: [{outcomes: [NO_RECORD]}, {outcomes: [DENY], reasons: [BLK-GRD]}],
#   sv: {description: "Svaret har samma ord, form och svarstid som ett svar om en okänd person."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type
}

# METADATA
# description: The case owner learns that a guardian who is a threat has asked.
# custom:
#   {id: OBLIGATION-ALERT-GUARDIAN, code: alert_case_owner, statute: OSL 26 kap. 2 §,
#   titles: {sv: Larma handläggaren om vårdnadshavare, en: Alert the case owner about a guardian},
#   when: [{outcomes: [DENY], reasons: [BLK-GRD]}],
#   sv: {description: "Den ärendeansvariga får veta att en vårdnadshavare som är ett hot har frågat."}}
obligation contains rego.metadata.rule().custom.id if {
	input.actor.kind == "GRD"
}

# METADATA
# description: The case owner learns that a provider whose approval was revoked or has ended tried to read.
# custom:
#   {id: OBLIGATION-ALERT-PROVIDER, code: alert_case_owner, statute: SoL 17 kap. 11 §,
#   titles: {sv: Larma handläggaren om utförare, en: Alert the case owner about a provider},
#   when: [{outcomes: [DENY], reasons: [BLK-VET]}],
#   sv: {description: "Den ärendeansvariga får veta att en utförare vars godkännande har återkallats eller upphört har
#   försökt läsa."}}
obligation contains rego.metadata.rule().custom.id if {
	input.facts.provider_revoked
}

# METADATA
# description: A conflict of interest is looked into.
# custom:
#   {id: OBLIGATION-ALERT-SUPERVISOR, code: alert_supervisor, statute: FL 16 §,
#   titles: {sv: Larma chefen, en: Alert the supervisor}, when: [{outcomes: [DENY], reasons: [BLK-COI]}],
#   sv: {description: "En jävssituation utreds."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type
}

# METADATA
# description: Who asks for the link between two identities is looked into.
# custom:
#   {id: OBLIGATION-ALERT-SECURITY, code: alert_security, statute: OSL 21 kap. 3 § sista stycket,
#   titles: {sv: Larma säkerhet, en: Alert security}, when: [{stages: [15]}],
#   sv: {description: "Den som begär kopplingen mellan två identiteter utreds."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type
}

# METADATA
# description: A provider that was revoked, or whose approval has ended, loses what is still open.
# custom:
#   {id: OBLIGATION-REVOKE-LINKS, code: revoke_open_links, statute: SoL 17 kap. 11 §,
#   titles: {sv: Återkalla öppna länkar, en: Revoke open links}, when: [{outcomes: [DENY], reasons: [BLK-VET]}],
#   sv: {description: "En utförare vars godkännande har återkallats eller upphört förlorar det som ännu är öppet."}}
obligation contains rego.metadata.rule().custom.id if {
	input.facts.provider_revoked
}

# METADATA
# description: >-
#   The sender is asked to recall what a withdrawn consent no longer carries. Stages 1 to 8 say nothing about the
#   person, not even that.
# custom:
#   {id: OBLIGATION-RECALL, code: recall_notice, statute: OSL 12 kap. 2 §,
#   titles: {sv: Återkalla meddelandet, en: Recall notice},
#   when: [{outcomes: [DENY, REVIEW, NO_RECORD], by_fields: true},
#   {outcomes: [DENY, REVIEW, NO_RECORD], stages: [9, 10, 11, 12, 13, 14, 15, 16]}],
#   sv: {description: "Avsändaren uppmanas att återkalla det som ett återkallat samtycke inte längre bär. Steg 1–8 säger
#   ingenting om personen, inte ens detta."}}
obligation contains rego.metadata.rule().custom.id if {
	input.facts.consent_withdrawn_since_queued
}

# METADATA
# description: Entries that are secret against the person are left out of the extract.
# custom:
#   {id: OBLIGATION-OMIT, code: omit_secret_entries, statute: "OSL 12 kap. 1 §, DSL 5 kap. 1 §",
#   titles: {sv: Utelämna hemliga poster, en: Omit secret entries}, when: [{outcomes: [PERMIT, PARTIAL]}],
#   sv: {description: "Poster som är sekretessbelagda i förhållande till den enskilde utelämnas ur utdraget."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type == "exit.log_extract"
	input.actor.kind == "SELF"
}

# METADATA
# description: An authority that is refused learns why and how to appeal.
# custom:
#   {id: OBLIGATION-APPEAL, code: appeal_information, statute: OSL 6 kap. 7–8 §§,
#   titles: {sv: Överklagandehänvisning, en: How to appeal},
#   when: [{outcomes: [DENY], by_fields: true}, {outcomes: [DENY], reasons: [BLK-CELL]}],
#   sv: {description: "En myndighet som får avslag får veta varför och hur beslutet överklagas."}}
obligation contains rego.metadata.rule().custom.id if {
	recipient_is_authority
}

# METADATA
# description: Break-glass is read-only and ends after an hour.
# custom:
#   {id: OBLIGATION-READ-ONLY, code: read_only_60_min, statute: BrB 24 kap. 4 §,
#   titles: {sv: Läsning i 60 minuter, en: Read only for 60 minutes}, when: [{outcomes: [BREAK_GLASS]}],
#   sv: {description: "Nödåtkomst ger endast läsning och upphör efter en timme."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type == "exit.emergency_access"
}

# METADATA
# description: What is shown in an emergency carries the reader's mark.
# custom:
#   {id: OBLIGATION-WATERMARK, code: watermark, statute: BrB 24 kap. 4 §,
#   titles: {sv: Vattenmärke, en: Watermark}, when: [{outcomes: [BREAK_GLASS]}],
#   sv: {description: "Det som visas i nöd bär läsarens märke."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type == "exit.emergency_access"
}

# METADATA
# description: Case owner, legal officer and data protection officer are told at once.
# custom:
#   {id: OBLIGATION-NOTIFY, code: notify_owner_legal_dpo, statute: BrB 24 kap. 4 §,
#   titles: {sv: Underrätta genast, en: Notify at once}, when: [{outcomes: [BREAK_GLASS]}],
#   sv: {description: "Ärendeansvarig, jurist och dataskyddsombud underrättas genast."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type == "exit.emergency_access"
}

# METADATA
# description: Break-glass is reviewed within 24 hours.
# custom:
#   {id: OBLIGATION-REVIEW-24, code: review_within_24_h, statute: BrB 24 kap. 4 §,
#   titles: {sv: Granska inom 24 timmar, en: Review within 24 hours}, when: [{outcomes: [BREAK_GLASS]}],
#   sv: {description: "Nödåtkomst granskas inom 24 timmar."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type == "exit.emergency_access"
}

# METADATA
# description: A second person confirms within 15 minutes.
# custom:
#   {id: OBLIGATION-CONFIRM, code: confirm_within_15_min, statute: BrB 24 kap. 4 §,
#   titles: {sv: Bekräfta inom 15 minuter, en: Confirm within 15 minutes}, when: [{outcomes: [BREAK_GLASS]}],
#   sv: {description: "En andra person bekräftar inom 15 minuter."}}
obligation contains rego.metadata.rule().custom.id if {
	input.type == "exit.emergency_access"
	not input.facts.confirmed
}

place_is_secret if input.facts.protected

place_is_secret if input.facts.moved

may_know_agencies if input.actor.kind in {"POL", "SELF"}

may_know_agencies if takes_over_case

may_know_agencies if input.same_agency
