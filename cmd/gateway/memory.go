package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"sluss/gateway/store/database"
)

// errForgotten says that the state directory does not know what was in force.
var errForgotten = errors.New("the memory of what was in force is missing")

// remembers returns nil if the state directory has the last directory and policy
// that the log says there were. Without them an older directory, or an approval
// that was superseded, would pass for the first one. What a restored database has of
// them is of before the loss, and does not count.
func (c config) remembers(ctx context.Context, db database.Database, restored bool, logger *slog.Logger) error {
	names := []string{"directory", "policy"}
	states, err := db.States(ctx, names)
	if err != nil {
		return err
	}
	for i, name := range names {
		file := filepath.Join(c.State, name+".json")
		_, err := os.Stat(file)
		switch {
		case err == nil, states[i].Version == 0:
		case !errors.Is(err, fs.ErrNotExist):
			return err
		case restored:
			return fmt.Errorf("%w: %s; on a restored database nothing else says which was the last, bring it from another gateway or copy",
				errForgotten, file)
		case !c.Adopt:
			return fmt.Errorf("%w: %s, although the log has had %d versions; restore the file, or set \"adopt\" for one start to take what is configured as the first",
				errForgotten, file, states[i].Version)
		default:
			logger.WarnContext(ctx, "memory of what was in force is missing; what is configured is adopted", "of", name)
		}
	}
	return nil
}
