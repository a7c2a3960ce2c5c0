package provisions_test

test_necessity_is_for_the_emergency_message if {
	"BRB-24-4" in granted({"type": "exit.emergency_access"})
	not "BRB-24-4" in granted({"purpose": "EMERGENCY"})
}
