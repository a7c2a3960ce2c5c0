package envelope

// form is what a name may look like: its first character, the others, and how
// many there are. It does what a regular expression would, for what is checked
// hundreds of times in a message.
type form struct {
	first, rest charset
	least, most int
}

// charset is a set of ASCII characters.
type charset [128]bool

const (
	lower   = "abcdefghijklmnopqrstuvwxyz"
	letters = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
)

func chars(s string) (set charset) {
	for i := range len(s) {
		set[s[i]] = true
	}
	return set
}

// matches reports whether s has the form.
func (f *form) matches(s string) bool {
	if len(s) < f.least || len(s) > f.most {
		return false
	}
	for i := range len(s) {
		set := &f.rest
		if i == 0 {
			set = &f.first
		}
		if c := s[i]; c >= 128 || !set[c] {
			return false
		}
	}
	return true
}

var (
	// word is a code, a role or another name of the domain tables.
	word = form{chars(letters + digits), chars(letters + digits + "_.:-"), 1, 64}

	// fieldName is the form of every field name in the catalogue; it needs no
	// escape in a JSON pointer.
	fieldName = form{chars(lower), chars(lower + digits + "_"), 1, 64}

	// refForm is the alphabet of references; ParseRef checks the rest.
	refForm = form{chars(letters + digits + "_-"), chars(letters + digits + "_-"), 22, 22}

	// cellID is the form of the ids of table cells.
	cellID = form{chars(letters + digits + "_-"), chars(letters + digits + "_-"), 1, 64}

	// nonce is the form of delivery ids.
	nonce = form{chars(letters + digits + "_.:-"), chars(letters + digits + "_.:-"), 1, 128}
)
