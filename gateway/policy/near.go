package policy

import (
	"reflect"
	"strings"
	"unicode/utf8"
)

// nearest returns the name among those registered that a misspelt one most
// resembles, or "" if none is near.
func nearest[V any](misspelt string, among map[string]V) string {
	best, least := "", max(1, utf8.RuneCountInString(misspelt)/3)+1
	for name := range among {
		d := distance(strings.ToLower(misspelt), strings.ToLower(name))
		if d < least || d == least && best != "" && name < best {
			best, least = name, d
		}
	}
	return best
}

// distance counts the letters to insert, drop, change or swap with their
// neighbour to make a of b (restricted Damerau–Levenshtein).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			change := rows[i-1][j-1]
			if x[i-1] != y[j-1] {
				change++
			}
			rows[i][j] = min(change, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}

// nearestMember suggests a member of METADATA in place of one that is not
// known.
func nearestMember(err error) string {
	_, after, ok := strings.Cut(err.Error(), `json: unknown field "`)
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(after, `"`)
	return nearest(name, memberNames(map[string]bool{}, reflect.TypeFor[Provision]()))
}

// memberNames adds the JSON names of a struct and of the structs in it.
func memberNames(into map[string]bool, t reflect.Type) map[string]bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return memberNames(into, t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if name := f.Tag.Get("json"); name != "-" && !into[name] {
				into[name] = true
				memberNames(into, f.Type)
			}
		}
	}
	return into
}
