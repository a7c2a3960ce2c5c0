package ingress_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"sluss/gateway"
	"sluss/gateway/exchange"
	"sluss/gateway/ingress"
)

// codes returns every gateway.Code that is declared.
func codes(t *testing.T) []gateway.Code {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []gateway.Code
	for _, value := range stringConsts(t, f, "Code") {
		out = append(out, gateway.Code(value))
	}
	if len(out) < 40 {
		t.Fatalf("found only %d codes", len(out))
	}
	return out
}

// stringConsts returns the string constants of a type, in the order in which
// they are declared.
func stringConsts(t *testing.T, f *ast.File, typeName string) []string {
	t.Helper()
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == typeName && len(spec.Values) == 1 {
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
				value, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, value)
			}
		}
		return true
	})
	return out
}

// TestStatus wants an HTTP status for every code, and none for anything else.
func TestStatus(t *testing.T) {
	known := codes(t)
	for _, code := range known {
		if _, ok := ingress.Kinds()[code]; !ok {
			t.Errorf("code %s has no status", code)
		}
		if s := ingress.Status(code); s < 400 || s > 599 {
			t.Errorf("Status(%s) = %d", code, s)
		}
	}
	if got, want := len(ingress.Kinds()), len(known); got != want {
		t.Errorf("%d codes with a status, %d declared", got, want)
	}
	if got := ingress.Status("nothing"); got != 500 {
		t.Errorf("Status of an unknown code = %d, want 500", got)
	}
}

// TestOpenAPI holds the document to the OpenAPI 3.1 schema and to a library's
// reading of the specification, examples included.
func TestOpenAPI(t *testing.T) {
	raw, err := os.ReadFile("testdata/openapi-3.1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	conforms(t, raw, ingress.OpenAPI())
	doc, err := spec()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("version %s", doc.OpenAPI)
	}
}

// TestOpenAPIIsTheRouter wants the operations of the document and those of the
// router equal: paths, methods, names and codes.
func TestOpenAPIIsTheRouter(t *testing.T) {
	doc, err := spec()
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string][]string{}, map[string][]string{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			key := method + " " + path + " " + op.OperationID
			for status, response := range op.Responses.Map() {
				content := response.Value.Content["application/problem+json"]
				if content == nil {
					continue
				}
				for _, code := range content.Schema.Value.AllOf[1].Value.Properties["code"].Value.Enum {
					got[key] = append(got[key], status+" "+code.(string))
				}
			}
			slices.Sort(got[key])
		}
	}
	for _, rt := range ingress.Table() {
		key := rt.Method + " " + regexp.MustCompile(`\{tile:.*\}`).ReplaceAllString(rt.Path, "{tile}") + " " + rt.Name
		for _, code := range rt.Codes {
			want[key] = append(want[key], fmt.Sprintf("%d %s", ingress.Status(code), code))
		}
		slices.Sort(want[key])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("router and document differ (-router +document):\n%s", diff)
	}
	var all []gateway.Code
	for _, code := range doc.Components.Schemas["Code"].Value.Enum {
		all = append(all, gateway.Code(code.(string)))
	}
	if diff := cmp.Diff(codes(t), all); diff != "" {
		t.Errorf("codes declared and in the document differ (-declared +document):\n%s", diff)
	}
}

// TestOpenAPIIsTheWire wants the members of each body equal in the document and
// in the type that is encoded.
func TestOpenAPIIsTheWire(t *testing.T) {
	doc, err := spec()
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []any{exchange.Accepted{}, exchange.Requested{}, exchange.Disclosure{}, exchange.Handed{},
		exchange.PollRequest{}, exchange.PollAnswer{}, exchange.SetErr{}, ingress.Problem{}} {
		typ := reflect.TypeOf(body)
		var want []string
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			want = append(want, name)
		}
		slices.Sort(want)
		schema := doc.Components.Schemas[typ.Name()].Value
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(schema.Properties))); diff != "" {
			t.Errorf("%s: members differ (-type +document):\n%s", typ, diff)
		}
	}
}

// TestEvents wants the events of the document to be those there are, each with
// a message of its own.
func TestEvents(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../envelope/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := stringConsts(t, f, "EventType")
	var doc struct {
		Components struct {
			Messages map[string]struct {
				Name string `json:"name"`
			} `json:"messages"`
		} `json:"components"`
	}
	if err := json.Unmarshal(ingress.AsyncAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range doc.Components.Messages {
		if m.Name != "release" {
			got = append(got, m.Name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events differ (-declared +document):\n%s", diff)
	}
}

// TestOpenAPIExamples wants every example to fit its schema; the library
// checks those in media types, this the ones in schemas.
func TestOpenAPIExamples(t *testing.T) {
	examples(t, ingress.OpenAPI(), "#/components/schemas/")
}

// TestAsyncAPI holds the document to the AsyncAPI 3 schema, its references to
// what there is, and its examples to their schemas.
func TestAsyncAPI(t *testing.T) {
	f, err := os.Open("testdata/asyncapi-3.0.0.schema.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	conforms(t, raw, ingress.AsyncAPI())
	examples(t, ingress.AsyncAPI(), "#/components/schemas/")

	var doc map[string]any
	if err := json.Unmarshal(ingress.AsyncAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, ref := range regexp.MustCompile(`"\$ref": "#/([^"]+)"`).FindAllStringSubmatch(string(ingress.AsyncAPI()), -1) {
		at := any(doc)
		for _, name := range strings.Split(ref[1], "/") {
			m, ok := at.(map[string]any)
			if at, ok = m[name], ok && m[name] != nil; !ok {
				t.Errorf("reference to %s, which is not there", ref[1])
				break
			}
		}
	}
	messages := doc["components"].(map[string]any)["messages"].(map[string]any)
	for name, m := range messages {
		for _, ex := range m.(map[string]any)["examples"].([]any) {
			ex := ex.(map[string]any)
			fits(t, ingress.AsyncAPI(), "#/components/schemas/"+name, ex["payload"])
			if h, ok := ex["headers"]; ok {
				fits(t, ingress.AsyncAPI(), "#/components/schemas/Header", h)
			}
		}
	}
}

// conforms validates a document against a JSON Schema.
func conforms(t *testing.T, schema, doc []byte) {
	t.Helper()
	s, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	d, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("urn:test:schema", s); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("urn:test:schema")
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(d); err != nil {
		t.Errorf("document does not conform: %v", err)
	}
}

// fits validates a value against one schema in a document.
func fits(t *testing.T, doc []byte, pointer string, value any) {
	t.Helper()
	d, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("urn:test:document", d); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("urn:test:document" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%s: %s does not fit: %v", pointer, b, err)
	}
}

// examples holds the examples of the named schemas to them.
func examples(t *testing.T, raw []byte, prefix string) {
	t.Helper()
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Description string `json:"description"`
				Examples    []any  `json:"examples"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		s := doc.Components.Schemas[name]
		if s.Description == "" {
			t.Errorf("schema %s says nothing of itself", name)
		}
		for _, ex := range s.Examples {
			fits(t, raw, prefix+name, ex)
		}
	}
}
