package exchange

default allow := false

# A police system may send a threat assessment to a social worker of a
# municipality, to protect somebody.
allow if {
	startswith(input.sender, "spiffe://sluss.test/agency/police/")
	startswith(input.recipient, "urn:sluss:agency:municipality:")
	input.role == "municipality.social_worker"
	input.purpose == "PROTECTION"
	input.type == "exit.threat_assessment"
}
