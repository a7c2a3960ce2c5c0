package catalogue

// ParseType reads one message type by the tables of c.
func ParseType(raw []byte, c *Catalogue) (*Type, error) { return parseType(raw, &c.tables) }
