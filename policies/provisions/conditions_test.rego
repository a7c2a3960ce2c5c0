package provisions_test

import data.provisions

test_a_kind_of_agency_is_either_an_authority_or_private if {
	every kind, _ in catalogue.kinds {
		who := object.union(good, actor(kind, ""))
		public := {1 | provisions.recipient_is_authority with input as who with data.catalogue as catalogue}
		private := {1 | provisions.recipient_is_private with input as who with data.catalogue as catalogue}
		count(public) + count(private) == 1
	}
}

test_an_unknown_kind_is_neither if {
	who := object.union(good, actor("XYZ", ""))
	not provisions.recipient_is_authority with input as who with data.catalogue as catalogue
	not provisions.recipient_is_private with input as who with data.catalogue as catalogue
	not provisions.recipient_connected with input as who with data.catalogue as catalogue
}
