package ingress_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"sluss/gateway/ingress"
)

// spec is the published document, read by a library that we did not write.
var spec = sync.OnceValues(func() (*openapi3.T, error) {
	for _, media := range []string{"application/sd-jwt", "application/jwt"} {
		openapi3filter.RegisterBodyDecoder(media, func(r io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
			b, err := io.ReadAll(r)
			return string(b), err
		})
	}
	return openapi3.NewLoader().LoadFromData(ingress.OpenAPI())
})

var template = regexp.MustCompile(`\{(\w+)\}`)

// routeOf finds the operation that a request is for. A tile's path has slashes,
// which no OpenAPI template can say.
func routeOf(doc *openapi3.T, r *http.Request) (*routers.Route, map[string]string) {
	for path, item := range doc.Paths.Map() {
		one := `([^/]+)`
		if strings.Contains(path, "{tile}") {
			one = `(.+)`
		}
		m := regexp.MustCompile("^" + template.ReplaceAllString(path, one) + "$").FindStringSubmatch(r.URL.Path)
		if op := item.GetOperation(r.Method); m != nil && op != nil {
			params := map[string]string{}
			for i, name := range template.FindAllStringSubmatch(path, -1) {
				params[name[1]] = m[i+1]
			}
			return &routers.Route{Spec: doc, Path: path, PathItem: item, Method: r.Method, Operation: op}, params
		}
	}
	return nil, nil
}

func inputOf(r *http.Request) (*openapi3filter.RequestValidationInput, error) {
	doc, err := spec()
	if err != nil {
		return nil, err
	}
	route, params := routeOf(doc, r)
	if route == nil {
		return nil, nil
	}
	return &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: &openapi3filter.Options{
		IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}, nil
}

// describedRequest says whether the document allows a request.
func describedRequest(r *http.Request) error {
	in, err := inputOf(r)
	if err != nil || in == nil {
		return errors.Join(err, errors.New("no such operation")) // err may be nil
	}
	return openapi3filter.ValidateRequest(context.Background(), in)
}

// described says whether the document describes an answer. What no operation
// of the document is for must be one of the two problems for that.
func described(r *http.Request, resp *http.Response, body []byte) error {
	in, err := inputOf(r)
	if err != nil {
		return err
	}
	if in == nil {
		doc, _ := spec()
		for _, name := range []string{"NoRoute", "NoMethod"} {
			content := doc.Components.Responses[name].Value.Content["application/problem+json"]
			if p, err := problemIn(body); err == nil && strings.Contains(fmt.Sprint(content.Schema.Value.AllOf[1].Value.Properties["code"].Value.Enum), string(p.Code)) {
				return nil
			}
		}
		return fmt.Errorf("status %d outside the document", resp.StatusCode)
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: in.Options})
}
