package postgres

import (
	"fmt"
	"strings"

	"sluss/gateway/store/batch"
)

// insertSQL inserts rows that are given by their columns ([columns]).
func insertSQL[T any](t batch.Table[T]) string {
	var zero T
	return insertInto(t.Name, t.Columns, t.Row(zero))
}

// insertInto is insertSQL for rows with such values.
func insertInto(table, names string, row []any) string {
	arrays := make([]string, len(row))
	for i, v := range row {
		arrays[i] = fmt.Sprintf("$%d::%s[]", i+1, typeOf(v))
	}
	return "INSERT INTO " + table + " (" + names + ", sum) SELECT * FROM unnest(" + strings.Join(arrays, ", ") + ")"
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
	values := make([][]any, len(rows))
	for i, r := range rows {
		values[i] = t.Row(r)
	}
	return byColumn(values)
}

func byColumn(rows [][]any) []any {
	out := make([]any, len(rows[0]))
	for n, row := range rows {
		for i, v := range row {
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
