package workbench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"

	"sluss/gateway/facts/fixtures"
)

// caseSet is a directory of cases with the world that they are asked in.
type caseSet struct {
	name  string
	world *fixtures.World
	cases []readCase
}

// readCase is a case, or what is wrong with it.
type readCase struct {
	fixtures.Case
	err error
}

// readCases reads cases.json and fixtures.json of a directory. A case that
// cannot be read is a case that fails; one world that cannot is an error.
func readCases(tree fs.FS, dir, name string) (*caseSet, error) {
	world, err := readJSON(tree, path.Join(dir, "fixtures.json"))
	if err != nil {
		return nil, fmt.Errorf("%w: cases in %s: %w", ErrPack, name, err)
	}
	list, err := readJSON(tree, path.Join(dir, "cases.json"))
	if err != nil {
		return nil, fmt.Errorf("%w: cases in %s: %w", ErrPack, name, err)
	}
	s := &caseSet{name: name}
	if s.world, err = fixtures.ReadWorld(world); err != nil {
		return nil, fmt.Errorf("%w: cases in %s: %w", ErrPack, name, err)
	}
	var cases []json.RawMessage
	if err := json.Unmarshal(list, &cases); err != nil {
		return nil, fmt.Errorf("%w: cases in %s: cases.json is not a list of cases: %w", ErrPack, name, err)
	}
	ids := map[string]bool{}
	for i, raw := range cases {
		c := oneCase(i, raw)
		if c.err == nil && ids[c.ID] {
			c.err = fmt.Errorf("case %s: its id is used by an earlier case", c.ID)
		}
		ids[c.ID] = true
		s.cases = append(s.cases, c)
	}
	return s, nil
}

// oneCase reads one case, strictly. The error names it.
func oneCase(i int, raw []byte) readCase {
	var named struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	_ = json.Unmarshal(raw, &named) // as far as it can be read
	if named.ID == "" {
		named.ID = "number " + strconv.Itoa(i+1)
	}
	c := readCase{Case: fixtures.Case{ID: named.ID, Title: named.Title}}
	read, err := fixtures.ReadCases(bytes.Join([][]byte{{'['}, raw, {']'}}, nil))
	if err != nil {
		c.err = fmt.Errorf("case %s: %w", named.ID, err)
		return c
	}
	if c.Case = read[0]; c.ID == "" {
		c.ID = named.ID
		c.err = fmt.Errorf("case %s: it has no id", named.ID)
	}
	return c
}

// readJSON reads a plain file that holds one JSON value, and writes whole
// numbers as such: 1.0 is 1 (RFC 8259 knows one kind of number).
func readJSON(tree fs.FS, name string) ([]byte, error) {
	at, err := fs.Lstat(tree, name)
	if err != nil {
		return nil, err
	}
	if !at.Mode().IsRegular() || at.Size() > maxCases {
		return nil, fmt.Errorf("%s is %s of %d bytes; a plain file of at most %d is read", path.Base(name), kind(at.Mode()), at.Size(), maxCases)
	}
	raw, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("%s: %w", path.Base(name), err)
	}
	if dec.More() {
		return nil, fmt.Errorf("%s holds more than one JSON value", path.Base(name))
	}
	return json.Marshal(whole(v))
}

// whole writes every whole number in v without a fraction or an exponent.
func whole(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = whole(e)
		}
	case []any:
		for i, e := range v {
			v[i] = whole(e)
		}
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return json.Number(strconv.FormatInt(int64(f), 10))
		}
	}
	return v
}
