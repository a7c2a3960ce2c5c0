package policy

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// count is a whole number as JSON Schema has it (Validation, Section 6.1.1): 12,
// 12.0 and 1.2e1 are one integer. A count that conforms to its schema must not
// refuse a table for how its sender's system writes numbers.
type count int64

// maxExponent bounds what an exponent may ask for: 10^18 is the largest power of
// ten in 64 bits, and a fraction longer than that is nobody's count.
const maxExponent = 18

// UnmarshalJSON implements [encoding/json.Unmarshaler]. A number that is not
// whole, or does not fit 64 bits, is ErrInput, as is what is no number. The error
// does not hold the value.
func (n *count) UnmarshalJSON(raw []byte) error {
	s := string(raw)
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		*n = count(i)
		return nil
	}
	if _, exponent, ok := strings.Cut(strings.ToLower(s), "e"); ok {
		if e, err := strconv.Atoi(exponent); err != nil || e > maxExponent || e < -maxExponent {
			return fmt.Errorf("%w: not a whole number", ErrInput)
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return fmt.Errorf("%w: not a whole number", ErrInput)
	}
	*n = count(r.Num().Int64())
	return nil
}
