package gateway_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the import rule of the project: which packages of its own a
// package may import besides the vocabulary. The order is that of a message's
// path; nothing imports a later step. Stores, keys and the directory satisfy
// interfaces that their consumers declare, and are wired in cmd/ only.
var mayImport = map[string][]string{
	"gateway":                 {},
	"gateway/envelope":        {},
	"gateway/internal/watch":  {},
	"gateway/keys":            {"gateway/internal/watch"},
	"gateway/snapshot":        {"gateway/envelope"},
	"gateway/catalogue":       {"gateway/envelope", "gateway/snapshot"},
	"gateway/directory":       {"gateway/envelope", "gateway/internal/watch"},
	"gateway/authn":           {"gateway/envelope", "gateway/directory"},
	"gateway/store":           {},
	"gateway/store/batch":     {"gateway/store"},
	"gateway/store/sqlite":    {"gateway/store", "gateway/store/batch"},
	"gateway/store/database":  {"gateway/store", "gateway/store/postgres", "gateway/store/sqlite"},
	"gateway/store/postgres":  {"gateway/store", "gateway/store/batch"},
	"gateway/store/pgtest":    {},
	"gateway/store/storetest": {"gateway/store"},
	"gateway/facts":           {"gateway/envelope", "gateway/catalogue", "gateway/store"},
	"gateway/facts/fixtures":  {"gateway/facts"},
	"gateway/policy":          {"gateway/catalogue", "gateway/facts", "gateway/snapshot"},
	"gateway/workbench":       {"gateway/envelope", "gateway/snapshot", "gateway/catalogue", "gateway/facts", "gateway/facts/fixtures", "gateway/policy"},
	"gateway/redact":          {"gateway/envelope", "gateway/policy"},
	"gateway/disclosure":      {"gateway/store"},
	"gateway/witness":         {"gateway/snapshot"},
	"gateway/recovery":        {"gateway/store", "gateway/disclosure"},
	"gateway/receipt":         {"gateway/envelope", "gateway/disclosure", "gateway/redact"},
	"gateway/relay":           {"gateway/envelope", "gateway/disclosure", "gateway/store"},
	"gateway/exchange": {"gateway/envelope", "gateway/snapshot", "gateway/catalogue", "gateway/directory", "gateway/authn",
		"gateway/store", "gateway/facts", "gateway/policy", "gateway/redact", "gateway/disclosure", "gateway/receipt", "gateway/relay", "gateway/recovery"},
	"gateway/ingress": {"gateway/authn", "gateway/exchange", "gateway/disclosure"},
	"gateway/client": {"gateway/envelope", "gateway/snapshot", "gateway/catalogue", "gateway/directory", "gateway/disclosure",
		"gateway/keys"},
	"gateway/client/clienttest": {"gateway/envelope", "gateway/snapshot", "gateway/catalogue", "gateway/directory", "gateway/disclosure",
		"gateway/store", "gateway/client", "gateway/keys"},
}

// onlyIn names the one place that may import a library, by import path prefix.
var onlyIn = map[string][]string{
	"github.com/go-jose/":               {"gateway/envelope"},
	"github.com/open-policy-agent/opa/": {"gateway/policy", "gateway/workbench", "policies"},
	"modernc.org/sqlite":                {"gateway/store/sqlite", "gateway/gatewaytest/bench"},
	"github.com/jackc/pgx/":             {"gateway/store/postgres", "gateway/store/pgtest", "gateway/gatewaytest/bench"},
	"github.com/pressly/goose/":         {"gateway/store/postgres"},
	"gonum.org/v1/plot":                 {"gateway/gatewaytest/bench/report"},
	"github.com/google/pprof/":          {"gateway/gatewaytest/bench"},
	"github.com/gorilla/mux":            {"gateway/ingress"},
	"github.com/spf13/cobra":            {"cmd/gatewayctl"},
	"github.com/santhosh-tekuri/":       {"gateway/catalogue"},
}

// TestImports holds every package to mayImport and onlyIn.
func TestImports(t *testing.T) {
	seen := map[string]bool{}
	eachFile(t, func(pkg, path string, f *ast.File) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		seen[pkg] = true
		for _, spec := range f.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			checkImport(t, pkg, path, imp)
		}
	})
	for pkg := range mayImport {
		if !seen[pkg] {
			t.Errorf("the table names %s, which does not exist", pkg)
		}
	}
}

func checkImport(t *testing.T, pkg, path, imp string) {
	for prefix, places := range onlyIn {
		if strings.HasPrefix(imp, prefix) && !slices.ContainsFunc(places, func(p string) bool { return pkg == p || strings.HasPrefix(pkg, p+"/") }) {
			t.Errorf("%s imports %s, which only %v may", path, imp, places)
		}
	}
	own, ok := strings.CutPrefix(imp, "sluss/")
	if pkg == "gateway" && (ok || strings.Contains(strings.Split(imp, "/")[0], ".")) {
		t.Errorf("%s imports %s; the vocabulary imports the standard library only", path, imp)
	}
	if !ok || own == "gateway" || !strings.HasPrefix(pkg, "gateway") || strings.HasPrefix(pkg+"/", "gateway/gatewaytest/") {
		return
	}
	if strings.HasPrefix(own, "cmd/") {
		t.Errorf("%s imports %s; nothing imports a command", path, imp)
	}
	allowed, known := mayImport[pkg]
	if !known {
		t.Errorf("%s is in package %s, which has no row in mayImport", path, pkg)
	}
	if !slices.Contains(allowed, own) && own != "policies" {
		t.Errorf("%s imports %s, which %s may not", path, imp, pkg)
	}
}

// TestPackageDocs wants a doc comment on every package that reads like a
// chapter's first page: at least two paragraphs.
func TestPackageDocs(t *testing.T) {
	docs := map[string]string{}
	eachFile(t, func(pkg, path string, f *ast.File) {
		if !strings.HasSuffix(path, "_test.go") {
			docs[pkg] += f.Doc.Text()
		}
	})
	for pkg, doc := range docs {
		if strings.Count(strings.TrimSpace(doc), "\n\n") < 1 {
			t.Errorf("package %s has no doc of at least two paragraphs", pkg)
		}
	}
}

func eachFile(t *testing.T, visit func(pkg, path string, f *ast.File)) {
	fset := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != ".." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel("..", filepath.Dir(path))
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(pkg), path, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
