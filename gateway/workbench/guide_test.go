package workbench_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"sluss/gateway/workbench"
)

var (
	placesInText = regexp.MustCompile(`<a id="([^"]+)"></a>`)
	linksInText  = regexp.MustCompile(`\]\(#([^)]+)\)`)
	placesInPage = regexp.MustCompile(` id="([^"]+)"`)
	linksInPage  = regexp.MustCompile(` href="#([^"]+)"`)
)

// TestGuide writes the guide in both languages and both forms: everybody's role,
// every basis, stage, type and reason is in it, every reference leads somewhere,
// no place is there twice, and the page needs nothing from elsewhere.
func TestGuide(t *testing.T) {
	p := builtInPack(t)
	for _, l := range []workbench.Language{workbench.Swedish, workbench.English} {
		g, err := p.Guide(l)
		if err != nil {
			t.Fatal(err)
		}
		var text, page bytes.Buffer
		if err := g.Markdown(&text); err != nil {
			t.Fatal(err)
		}
		if err := g.HTML(&page); err != nil {
			t.Fatal(err)
		}
		for form, doc := range map[string]string{"text": text.String(), "page": page.String()} {
			places, links := placesInText, linksInText
			if form == "page" {
				places, links = placesInPage, linksInPage
			}
			there := map[string]int{}
			for _, m := range places.FindAllStringSubmatch(doc, -1) {
				if there[m[1]]++; there[m[1]] == 2 {
					t.Errorf("%s %s: place %s is there twice", l, form, m[1])
				}
			}
			for _, m := range links.FindAllStringSubmatch(doc, -1) {
				if there[m[1]] == 0 {
					t.Errorf("%s %s: a reference to %s leads nowhere", l, form, m[1])
				}
			}
			for _, want := range subjects(p) {
				if !strings.Contains(doc, want) {
					t.Errorf("%s %s: says nothing of %s", l, form, want)
				}
			}
		}
		for _, foreign := range []string{"<script", "http://", "https://", "ZgotmplZ"} {
			if strings.Contains(page.String(), foreign) {
				t.Errorf("%s: the page has %s", l, foreign)
			}
		}
	}
}

// subjects is what a guide must speak of.
func subjects(p *workbench.Pack) []string {
	var out []string
	for name := range p.Catalogue.Tables().Roles {
		out = append(out, string(name))
	}
	for _, pr := range p.Policy.Provisions() {
		if pr.Set != "obligation" {
			out = append(out, pr.ID, pr.Statute)
		} else {
			out = append(out, pr.Code)
		}
	}
	for _, m := range p.Catalogue.Types() {
		for _, f := range m.Fields {
			out = append(out, string(m.Name), string(f.Name))
		}
	}
	return append(out, "BLK-PUB", "NOT-NAMED", "balancing_obvious", "crime_class")
}
