package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// readJSONFile reads a file that holds one JSON value.
func readJSONFile(path string, into any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}
