package gateway_test

import (
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestSecurityPage holds SECURITY.md to the tree: every test it names exists,
// and every code that a caller can get is listed.
func TestSecurityPage(t *testing.T) {
	raw, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	tests := map[string]bool{}
	var codes []string
	eachFile(t, func(pkg, path string, f *ast.File) {
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasSuffix(path, "_test.go") {
				tests[fn.Name.Name] = true
			}
		}
		if pkg == "gateway" && strings.HasSuffix(path, "refusal.go") {
			codes = append(codes, constants(t, f)...)
		}
	})
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`").FindAllStringSubmatch(page, -1)
	if len(named) < 40 || len(codes) < 30 {
		t.Fatalf("found %d tests named and %d codes: the page or this test has lost its form", len(named), len(codes))
	}
	for _, m := range named {
		if !tests[m[1]] {
			t.Errorf("SECURITY.md names %s, which does not exist", m[1])
		}
	}
	for _, c := range codes {
		if !strings.Contains(page, "\n| `"+c+"` |") {
			t.Errorf("SECURITY.md does not list code %q", c)
		}
	}
}

// constants returns the string constants of type Code in a file.
func constants(t *testing.T, f *ast.File) []string {
	var out []string
	for _, decl := range f.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "Code" {
				continue
			}
			c, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, c)
		}
	}
	return out
}
