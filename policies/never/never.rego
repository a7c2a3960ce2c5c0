# Det som aldrig får hända, vem som än frågar, samtycker eller beslutar.
# Regeln läses över ett enda utlämnande: ett fält som lämnas till en mottagare
# på en grund. "gatewayctl policy never" bevisar varje regel över allt som
# gatewayen kan bli tillfrågad om, eller visar en fråga som bryter mot den.
#
# What must never happen, whoever asks, consents or decides. A rule looks at one
# release: a field that leaves to a recipient on a basis. "gatewayctl policy
# never" proves each rule over everything that the gateway can be asked, or
# shows a question that breaks it.
#
# A rule may look at the members of the input and at
#   input.field.*    name, class, effective (CON counts as PAD for a protected
#                    person), subclass, rules (that cover it), locating, public (a
#                    rule of OSL ch. 18 covers it), forbidden
#   input.basis.*    code, way, consent, in_flow (the flow between the two
#                    agencies lists it), opens_every_rule
#   input.decided    a recorded decision names the field
#   input.by_name    the field has to be asked for by name
#   input.carried    it leaves only because another field does (carrier rule)
package never

# METADATA
# description: >-
#   What locates a person does not go to a municipality that is neither responsible nor receiving, such as the one
#   that the person left. In the answer that ends a transfer it gets no more than relocation_id and transfer_status.
# custom:
#   {id: NEVER-PLACE-FORMER-MUNICIPALITY, statute: "OSL 21 kap. 3 och 3 a §§, SoL 29 kap. 10–12 §§",
#   titles: {sv: Platsen lämnas aldrig till en tidigare kommun, en: The place never goes to a former municipality},
#   sv: {description: "Det som röjer var en person finns lämnas inte till en kommun som varken är ansvarig eller
#   mottagande, såsom den kommun personen har lämnat. I svaret som avslutar en överflyttning får den inte mer än
#   relocation_id och transfer_status."}}
breach contains rego.metadata.rule().custom.id if {
	input.field.locating
	input.actor.kind == "MUN"
	not input.same_agency
	not takes_over
}

# METADATA
# description: >-
#   What locates a protected person does not go to a relative: the relatives whom the gateway knows are guardians.
#   Other relatives are no recipients at all.
# custom:
#   {id: NEVER-PLACE-RELATIVE, statute: "OSL 21 kap. 3 §, 26 kap. 2 §",
#   titles: {sv: En skyddad persons plats lämnas aldrig till anhöriga, en: A protected person's place never goes to relatives},
#   sv: {description: "Det som röjer var en skyddad person finns lämnas inte till anhöriga: de anhöriga som gatewayen
#   känner till är vårdnadshavare. Andra anhöriga är inte mottagare alls."}}
breach contains rego.metadata.rule().custom.id if {
	input.field.locating
	input.facts.protected
	input.actor.kind == "GRD"
}

# METADATA
# description: >-
#   The address of a protected person is in nobody's default set: it goes to whoever asked for that field by name, with
#   a reason, and to no other. Exempt are the person, and who works inside the agency that holds it.
# custom:
#   {id: NEVER-PLACE-BY-DEFAULT, statute: "OSL 21 kap. 3 och 3 a §§",
#   titles: {sv: En skyddad persons plats lämnas aldrig utan att begäras vid namn, en: A protected person's place is never sent along},
#   sv: {description: "En skyddad persons adress ingår inte i någons standardurval: den lämnas till den som har begärt
#   fältet vid namn, med skäl, och till ingen annan. Undantagna är den enskilde själv och den som arbetar inom
#   myndigheten som har uppgiften."}}
breach contains rego.metadata.rule().custom.id if {
	input.field.effective == "PAD"
	input.facts.protected
	input.actor.kind != "SELF"
	not input.same_agency
	not input.by_name
}

# METADATA
# description: >-
#   A private recipient gets what locates a protected person only if the person's consent names the recipient, or a
#   recorded decision names the field. Exempt is the person.
# custom:
#   {id: NEVER-PLACE-UNNAMED-RECIPIENT, statute: "OSL 21 kap. 3 §, 10 kap. 1 och 14 §§",
#   titles: {sv: En skyddad persons plats lämnas aldrig till en privat mottagare som inte är utpekad,
#   en: A protected person's place never goes to a private recipient whom nobody named},
#   sv: {description: "En privat mottagare får det som röjer var en skyddad person finns endast om den enskildes
#   samtycke namnger mottagaren eller ett dokumenterat beslut anger fältet. Undantagen är den enskilde själv."}}
breach contains rego.metadata.rule().custom.id if {
	input.field.locating
	input.facts.protected
	input.actor.kind != "SELF"
	data.catalogue.kinds[input.actor.kind].authority == false
	not input.same_agency
	not input.basis.consent
	not input.decided
}

# METADATA
# description: The address where a person is housed goes only to the provider who houses this person for this municipality.
# custom:
#   {id: NEVER-ADDRESS-OTHER-PROVIDER, statute: "OSL 21 kap. 3 §, 26 kap. 14 c §",
#   titles: {sv: Boendets adress lämnas aldrig till en utförare som inte ordnar boendet,
#   en: The address of the housing never goes to another provider},
#   sv: {description: "Adressen till en persons boende lämnas endast till den utförare som ordnar boendet för just den
#   personen åt den här kommunen."}}
breach contains rego.metadata.rule().custom.id if {
	input.field.name == "housing_address"
	input.actor.kind == "PRV"
	not input.same_agency
	not input.facts.housing_assignment
}

# METADATA
# description: Nothing at all, not even an alias, goes to a provider that is not approved today.
# custom:
#   {id: NEVER-UNVETTED-PROVIDER, statute: SoL 17 kap. 11 §,
#   titles: {sv: Inget lämnas till en utförare som inte är godkänd, en: Nothing goes to a provider that is not vetted},
#   sv: {description: "Ingenting alls, inte ens ett alias, lämnas till en utförare som inte är godkänd i dag."}}
breach contains rego.metadata.rule().custom.id if {
	input.actor.kind == "PRV"
	not input.facts.provider_approved
}

# METADATA
# description: Nothing goes from a municipality to a provider that has no contract with it.
# custom:
#   {id: NEVER-PROVIDER-WITHOUT-CONTRACT, statute: SoL 17 kap. 11 §,
#   titles: {sv: Inget lämnas till en utförare utan avtal, en: Nothing goes to a provider without a contract},
#   sv: {description: "Ingenting lämnas från en kommun till en utförare som saknar avtal med den."}}
breach contains rego.metadata.rule().custom.id if {
	input.actor.kind == "PRV"
	input.discloser.kind == "MUN"
	not input.facts.provider_contracted
}

# METADATA
# description: The person's consent lifts secrecy that protects the person, never that of chapter 18, which protects the public.
# custom:
#   {id: NEVER-CONSENT-CHAPTER-18, statute: "OSL 12 kap. 1–2 §§, 18 kap.",
#   titles: {sv: Samtycke öppnar aldrig 18 kap., en: Consent never opens chapter 18},
#   sv: {description: "Den enskildes samtycke häver sekretess till skydd för den enskilde, aldrig sekretess enligt 18
#   kap., som skyddar det allmänna."}}
breach contains rego.metadata.rule().custom.id if {
	input.basis.consent
	input.field.public
}

# METADATA
# description: >-
#   Police intelligence stays in its unit. The unit is Polismyndigheten, one agency; which of its roles may see it, and
#   only its own, is in the ceilings. No basis, decision or duty takes it out, although OSL 10:27 and SoL 19:1 and 20:6
#   would open rule 18:2.
# custom:
#   {id: NEVER-INTELLIGENCE-OUT, statute: "OSL 18 kap. 2 §, 35 kap. 1 §",
#   titles: {sv: Underrättelser lämnar aldrig Polismyndigheten, en: Intelligence never leaves the police},
#   sv: {description: "Polisens underrättelser stannar i sin enhet. Enheten är Polismyndigheten, en myndighet; vilka av
#   dess roller som får se dem, och endast myndighetens egna, anges i taken. Ingen grund, inget beslut och ingen
#   skyldighet för ut dem, även om OSL 10:27 och SoL 19:1 och 20:6 skulle öppna 18:2."}}
breach contains rego.metadata.rule().custom.id if {
	intelligence
	not input.same_agency
}

# METADATA
# description: Inside the police, intelligence goes to roles of the police only, its legal officer included.
# custom:
#   {id: NEVER-INTELLIGENCE-OTHER-ROLE, statute: "OSL 18 kap. 2 §, 35 kap. 1 §",
#   titles: {sv: Underrättelser ges bara till Polismyndighetens roller, en: Intelligence is for roles of the police},
#   sv: {description: "Inom polisen lämnas underrättelser endast till Polismyndighetens roller, dess jurist inräknad."}}
breach contains rego.metadata.rule().custom.id if {
	intelligence
	input.actor.kind != "POL"
}

# METADATA
# description: >-
#   Who reported or called stays in its unit. The unit is the agency that holds it and, because a report of concern and
#   an answer in a child investigation say who makes them (SoL 19:1, 20:6), the social worker at the socialtjänst that
#   takes it in. Nobody else learns it, whatever the basis.
# custom:
#   {id: NEVER-SOURCE-OUT, statute: "OSL 26 kap. 5 §, 40 kap. 7 g §",
#   titles: {sv: Anmälarens identitet stannar hos den som utreder, en: Who reported stays with who investigates},
#   sv: {description: "Vem som har anmält eller ringt stannar i sin enhet. Enheten är myndigheten som har uppgiften och,
#   eftersom en orosanmälan och ett svar i en barnutredning säger vem som lämnar dem (SoL 19:1, 20:6),
#   socialsekreteraren vid den socialtjänst som tar emot. Ingen annan får veta det, vilken grunden än är."}}
breach contains rego.metadata.rule().custom.id if {
	input.field.class == "SRC"
	not input.same_agency
	not investigating_social_worker
}

# METADATA
# description: Consent of the person reported does not reach who reported.
# custom:
#   {id: NEVER-SOURCE-BY-CONSENT, statute: "OSL 12 kap. 2 §, 26 kap. 5 §",
#   titles: {sv: Samtycke öppnar aldrig vem som har anmält, en: Consent never opens who reported},
#   sv: {description: "Samtycke från den som anmälts omfattar inte vem som har anmält."}}
breach contains rego.metadata.rule().custom.id if {
	input.field.class == "SRC"
	input.basis.consent
}

# METADATA
# description: >-
#   The link between a real and a fictitious identity stays in its unit. The unit is the personal security unit of the
#   police (Bops), on both sides, and each time a recorded decision names the field.
# custom:
#   {id: NEVER-IDENTITY-LINK-OUT, statute: "OSL 21 kap. 3 § sista stycket, 22 kap. 2 §",
#   titles: {sv: Kopplingen mellan identiteter lämnar aldrig personsäkerhetsenheten,
#   en: The link between identities never leaves the personal security unit},
#   sv: {description: "Kopplingen mellan verklig och fingerad identitet stannar i sin enhet. Enheten är polisens
#   personsäkerhetsenhet (Bops), på båda sidor, och varje gång anger ett dokumenterat beslut fältet."}}
breach contains rego.metadata.rule().custom.id if {
	input.field.class == "PIL"
	not inside_personal_security
}

# METADATA
# description: >-
#   Data under the secrecy of care (25:1) never leaves on the general clause or on crime prevention: both except
#   25:1–8. Health data is also held by police and Kriminalvården, under 35:1 and 35:15; that secrecy both rules do open.
# custom:
#   {id: NEVER-CARE-BY-GENERAL-CLAUSE, statute: "OSL 10 kap. 15 a och 27 §§, 25 kap. 1 §",
#   titles: {sv: Vårdens sekretess öppnas aldrig av 10:27 eller 10:15 a, en: The secrecy of care is never opened by 10:27 or 10:15a},
#   sv: {description: "Uppgifter under vårdens sekretess (25:1) lämnas aldrig med stöd av generalklausulen eller regeln
#   om att förebygga brott: båda undantar 25:1–8. Även Polismyndigheten och Kriminalvården har hälsouppgifter, under
#   35:1 och 35:15; den sekretessen öppnar båda reglerna."}}
breach contains rego.metadata.rule().custom.id if {
	"25:1" in input.field.rules
	input.basis.code in {"OSL-10-27", "OSL-10-15A"}
}

# METADATA
# description: >-
#   Health data under the secrecy of socialtjänsten (26:1) or of private care never leaves on the general clause, which
#   excepts 26:1–6. OSL 10:15a does open 26:1, by a recorded decision, so this rule does not name it.
# custom:
#   {id: NEVER-SOCIAL-HEALTH-BY-GENERAL-CLAUSE, statute: "OSL 10 kap. 27 §, 26 kap. 1 §",
#   titles: {sv: Socialtjänstens hälsouppgifter öppnas aldrig av generalklausulen,
#   en: Health data of socialtjänsten is never opened by the general clause},
#   sv: {description: "Hälsouppgifter under socialtjänstens sekretess (26:1) eller tystnadsplikten i enskild omsorg
#   lämnas aldrig med stöd av generalklausulen, som undantar 26:1–6. OSL 10:15 a öppnar 26:1 genom ett dokumenterat
#   beslut; därför nämns den inte i denna regel."}}
breach contains rego.metadata.rule().custom.id if {
	input.field.class == "HLT"
	under_social_secrecy
	input.basis.code == "OSL-10-27"
}

# METADATA
# description: Grants officers see pseudonyms. No name, personnummer, contact detail or address reaches them.
# custom:
#   {id: NEVER-NAMES-TO-GRANTS, statute: "OSL 26 kap. 1 §, GDPR art. 5.1 c",
#   titles: {sv: Handläggare av statliga medel ser aldrig namn, en: Grants officers never see names},
#   sv: {description: "Handläggare av statliga medel ser pseudonymer. Inget namn, inget personnummer, ingen
#   kontaktuppgift och ingen adress når dem."}}
breach contains rego.metadata.rule().custom.id if {
	input.actor.role == "police.grants_officer"
	input.field.class in {"ID", "CON", "PAD", "PIL", "FAM", "SRC"}
	input.field.subclass != "alias"
}

# METADATA
# description: >-
#   Who reads statistics gets sums and nothing about a person. Statistics readers are the roles that act for no other
#   purpose; other roles that may act for STATISTICS also have cases, and are bound by their ceilings.
# custom:
#   {id: NEVER-PERSONS-TO-STATISTICS, statute: OSL 24 kap. 8 §,
#   titles: {sv: Den som läser statistik får aldrig uppgifter om personer, en: Statistics readers never get data on persons},
#   sv: {description: "Den som läser statistik får summor och ingenting om en person. Statistikläsare är de roller som
#   inte handlar för något annat ändamål; andra roller som får handla för STATISTICS har även ärenden och är bundna av
#   sina tak."}}
breach contains rego.metadata.rule().custom.id if {
	input.actor.role in {"socialstyrelsen.analyst", "government.report_reader", "municipality.crime_prevention_coordinator"}
	input.field.class != "STA"
}

# METADATA
# description: Sums leave only after the small-cell guard has looked at them and found nobody in them.
# custom:
#   {id: NEVER-SUMS-UNSEEN, statute: OSL 24 kap. 8 §,
#   titles: {sv: Sammanställningar lämnas aldrig ogranskade, en: Sums never leave unseen},
#   sv: {description: "Summor lämnas först när skyddet mot små celler har granskat dem och inte funnit att någon
#   röjs."}}
breach contains rego.metadata.rule().custom.id if {
	input.type == "exit.followup_report"
	not sums_are_safe
}

# METADATA
# description: Whatever leaves rests on a basis that the flow between the two agencies lists, or on necessity in an emergency.
# custom:
#   {id: NEVER-WITHOUT-BASIS, statute: OSL 8 kap. 1 §,
#   titles: {sv: Inget lämnas utan grund, en: Nothing leaves without a basis},
#   sv: {description: "Det som lämnas vilar på en grund som flödet mellan de två myndigheterna anger, eller på nöd i ett
#   nödläge."}}
breach contains rego.metadata.rule().custom.id if {
	not input.basis.in_flow
	input.basis.way != "emergency"
}

# METADATA
# description: A basis is none for a field that is covered by a secrecy rule which the basis does not open (OSL 7:3).
# custom:
#   {id: NEVER-BASIS-TOO-NARROW, statute: "OSL 7 kap. 3 §, 8 kap. 1 §",
#   titles: {sv: Inget lämnas på en grund som inte öppnar all sekretess, en: Nothing leaves on a basis that opens too little},
#   sv: {description: "En grund är ingen grund för ett fält som omfattas av en sekretessregel som grunden inte öppnar
#   (OSL 7:3)."}}
breach contains rego.metadata.rule().custom.id if {
	not input.basis.opens_every_rule
}

# METADATA
# description: The rule of necessity is there in break-glass and nowhere else.
# custom:
#   {id: NEVER-NECESSITY-OTHERWISE, statute: BrB 24 kap. 4 §,
#   titles: {sv: Nöd är aldrig grund utanför nödåtkomst, en: Necessity is no basis outside break-glass},
#   sv: {description: "Regeln om nöd gäller vid nödåtkomst och ingen annanstans."}}
breach contains rego.metadata.rule().custom.id if {
	input.basis.way == "emergency"
	input.type != "exit.emergency_access"
}

# METADATA
# description: Not even danger to life opens the link between identities, intelligence, investigations or sources.
# custom:
#   {id: NEVER-BREAK-GLASS, statute: "BrB 24 kap. 4 §, OSL 18 kap.",
#   titles: {sv: "Nödåtkomst öppnar aldrig PIL, INT, INV eller SRC", en: "Break-glass never opens PIL, INT, INV or SRC"},
#   sv: {description: "Inte ens fara för liv öppnar kopplingen mellan identiteter, underrättelser, utredningar eller
#   källor."}}
breach contains rego.metadata.rule().custom.id if {
	input.type == "exit.emergency_access"
	input.field.class in {"PIL", "INT", "INV", "SRC"}
}

# METADATA
# description: A field that may never be sent is never sent.
# custom:
#   {id: NEVER-FORBIDDEN-FIELD, statute: "OSL 18 kap. 7 §, 26 kap. 1 §",
#   titles: {sv: Ett fält som aldrig får skickas skickas aldrig, en: A field that may never be sent never is},
#   sv: {description: "Ett fält som aldrig får skickas skickas aldrig."}}
breach contains rego.metadata.rule().custom.id if {
	input.field.forbidden
}

# METADATA
# description: About a person in särskilt personsäkerhetsarbete nobody but the personal security unit learns anything.
# custom:
#   {id: NEVER-WITNESS-PROTECTION, statute: "OSL 18 kap. 7 §, 35 kap. 11 §",
#   titles: {sv: Inget lämnas om den som har personsäkerhetsskydd, en: Nothing about a person in witness protection},
#   sv: {description: "Om en person i särskilt personsäkerhetsarbete får ingen utom personsäkerhetsenheten veta
#   något."}}
breach contains rego.metadata.rule().custom.id if {
	input.facts.psw
	input.facts.subject_named
	input.actor.role != "police.personal_security_officer"
}

# METADATA
# description: A guardian who is blocked, from whom the place is hidden or whose child decides alone learns nothing.
# custom:
#   {id: NEVER-BLOCKED-GUARDIAN, statute: "OSL 12 kap. 3 §, 26 kap. 2 §",
#   titles: {sv: Inget lämnas till en spärrad vårdnadshavare, en: Nothing goes to a blocked guardian},
#   sv: {description: "En vårdnadshavare som är spärrad, för vilken platsen hålls dold eller vars barn beslutar ensamt
#   får ingenting veta."}}
breach contains rego.metadata.rule().custom.id if {
	input.actor.kind == "GRD"
	kept_from_guardian
}

# METADATA
# description: The level of a threat that is past its validity is never shown as if it held.
# custom:
#   {id: NEVER-OLD-THREAT, statute: OSL 35 kap. 1 §,
#   titles: {sv: En hotbild som har gått ut lämnas aldrig, en: A threat assessment past its validity is never shown},
#   sv: {description: "Nivån på ett hot vars giltighetstid har gått ut visas aldrig som om den gällde."}}
breach contains rego.metadata.rule().custom.id if {
	input.type == "exit.threat_assessment"
	input.field.class != "CAS"
	not input.facts.assessment_valid
}

# METADATA
# description: No entry, no data - where the disclosure log cannot be written nothing leaves.
# custom:
#   {id: NEVER-UNLOGGED, statute: lag (2001:454) 10 §,
#   titles: {sv: Inget lämnas utan att det loggas, en: Nothing leaves unlogged},
#   sv: {description: "Ingen post, inga uppgifter – när loggen inte kan skrivas lämnas ingenting."}}
breach contains rego.metadata.rule().custom.id if {
	not input.facts.log_available
}

# METADATA
# description: Data on persons is disclosed one case at a time; only sums travel in bulk.
# custom:
#   {id: NEVER-PERSONS-IN-BULK, statute: "JO 682-2014, OSL 10 kap. 27 §",
#   titles: {sv: Uppgifter om personer lämnas aldrig i bulk, en: Data on persons never leaves in bulk},
#   sv: {description: "Uppgifter om personer lämnas ut ett ärende i taget; endast summor skickas i bulk."}}
breach contains rego.metadata.rule().custom.id if {
	input.bulk
	input.field.class != "STA"
}

takes_over if input.facts.actor_responsible

takes_over if input.facts.actor_receiving

intelligence if input.field.class == "INT"

intelligence if "18:2" in input.field.rules

investigating_social_worker if input.actor.role in {"municipality.social_worker", "municipality.child_social_worker"}

inside_personal_security if {
	input.actor.role == "police.personal_security_officer"
	input.discloser.role == "police.personal_security_officer"
	input.same_agency
	input.decided
}

under_social_secrecy if "26:1" in input.field.rules

under_social_secrecy if "SoL 17:11" in input.field.rules

sums_are_safe if {
	input.table.checked
	not input.table.refused
}

kept_from_guardian if input.facts.guardian_blocked

kept_from_guardian if input.facts.place_hidden

kept_from_guardian if input.maturity == "child_alone"
