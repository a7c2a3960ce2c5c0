package postgres

import (
	"fmt"
	"strings"

	"sluss/gateway/store/batch"
)

// insertSQL inserts rows that are given by their columns ([columns]).
func insertSQL[T any](t batch.Table[T]) string {
	var zero T
	arrays := make([]string, t.Width())
	for i, v := range t.Row(zero) {
		arrays[i] = fmt.Sprintf("$%d::%s[]", i+1, typeOf(v))
	}
	return "INSERT INTO " + t.Name + " (" + t.Columns + ", sum) SELECT * FROM unnest(" + strings.Join(arrays, ", ") + ")"
}

// typeOf is the type of the column that holds v.
func typeOf(v any) string {
	switch v.(type) {
	case int64:
		return "bigint"
	case string:
		return "text"
	default:
		return "bytea"
	}
}

// columns are the values of rows with their checksums, an array for each
// column: so that one statement, prepared once, writes any number of rows.
func columns[T any](t batch.Table[T], rows []T) []any {
	out := make([]any, t.Width())
	for n, r := range rows {
		for i, v := range t.Row(r) {
			switch v := v.(type) {
			case int64:
				out[i] = put(out[i], n, len(rows), v)
			case string:
				out[i] = put(out[i], n, len(rows), v)
			case []byte:
				out[i] = put(out[i], n, len(rows), v)
			}
		}
	}
	return out
}

// put sets value n of a column of so many rows.
func put[V any](column any, n, rows int, v V) any {
	c, ok := column.([]V)
	if !ok {
		c = make([]V, rows)
	}
	c[n] = v
	return c
}
