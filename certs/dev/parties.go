package dev

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sluss/certs"
	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
)

// party is an agency of the cast. Its first system has the alias's keys.
type party struct {
	agency  gateway.AgencyID
	systems []system
	alias   gateway.AgencyID // "" for none
}

// system has the roles of those who work with it. Roles that may get different
// classes have different systems, because whoever is behind a decryption key
// can open what is sealed to it.
type system struct {
	name  string
	roles []gateway.Role
}

var (
	review    = system{"review", []gateway.Role{"agency.legal_officer", "agency.log_auditor"}}
	municipal = []system{
		{"exit", []gateway.Role{"municipality.social_worker", "municipality.child_social_worker", "municipality.exit_team_lead"}},
		{"income", []gateway.Role{"municipality.income_support_officer"}},
		{"prevention", []gateway.Role{"municipality.crime_prevention_coordinator"}},
		{"procurement", []gateway.Role{"municipality.procurement_officer"}},
		review,
	}
)

// cast is who takes part: one agency of each kind, two municipalities so that
// somebody can move, the second with an alias.
var cast = []party{
	{agency: "police", systems: []system{
		{"exit", []gateway.Role{"police.exit_coordinator_national", "police.exit_coordinator_regional", "police.exit_coordinator_local"}},
		{"security", []gateway.Role{"police.personal_security_officer"}},
		{"investigation", []gateway.Role{"police.investigator"}},
		{"grants", []gateway.Role{"police.grants_officer"}},
		review,
	}},
	{agency: "municipality:0180", systems: municipal},
	{agency: "municipality:1480", systems: municipal, alias: "municipality:A7"},
	{agency: "kriminalvarden", systems: []system{
		{"exit", []gateway.Role{"kriminalvarden.probation_officer", "kriminalvarden.prison_officer"}}, review}},
	{agency: "sis", systems: []system{{"exit", []gateway.Role{"sis.treatment_staff", "sis.institution_head"}}, review}},
	{agency: "region:01", systems: []system{{"exit", []gateway.Role{"region.psychiatry_clinician", "region.care_coordinator"}}, review}},
	{agency: "provider:165560004615", systems: []system{{"exit", []gateway.Role{"provider.case_worker", "provider.manager"}}}},
	{agency: "national_contact_point", systems: []system{{"exit", []gateway.Role{"national.contact_point_operator"}}}},
	{agency: "socialstyrelsen", systems: []system{{"exit", []gateway.Role{"socialstyrelsen.analyst"}}}},
	{agency: "government", systems: []system{{"exit", []gateway.Role{"government.report_reader"}}}},
	{agency: "self", systems: []system{{"exit", []gateway.Role{"subject.self"}}}},
	{agency: "guardian", systems: []system{{"exit", []gateway.Role{"subject.guardian"}}}},
}

// parts returns the cast and the further municipalities.
func (w *world) parts() []party {
	all := slices.Clone(cast)
	for i := range w.cfg.Municipalities {
		all = append(all, party{agency: gateway.AgencyID(fmt.Sprintf("municipality:%d", 9001+i)), systems: municipal[:1]})
	}
	return all
}

// Folder returns the folder of an agency below agencies/.
func Folder(agency gateway.AgencyID) string { return strings.ReplaceAll(string(agency), ":", "-") }

// parties states the gateway's keys and makes every agency of the cast.
func (w *world) parties() error {
	control, err := w.signer("gateway/control.key")
	if err != nil {
		return err
	}
	if err := w.stateKey(string(w.id), control, "gateway/control.key", envelope.UseControl); err != nil {
		return err
	}
	if err := w.stateKey(string(w.id), control, "gateway/release.key", envelope.UseRelease); err != nil {
		return err
	}
	for _, p := range w.parts() {
		if err := w.party(p); err != nil {
			return err
		}
	}
	return nil
}

// party makes the keys, certificates and statements of an agency.
func (w *world) party(p party) error {
	dir, iss := filepath.Join("agencies", Folder(p.agency)), p.agency.URN()
	control, err := w.signer(filepath.Join(dir, "control.key"))
	if err != nil {
		return err
	}
	if err := w.stateKey(iss, control, filepath.Join(dir, "control.key"), envelope.UseControl); err != nil {
		return err
	}
	for i, s := range p.systems {
		alias := gateway.AgencyID("")
		if i == 0 {
			alias = p.alias
		}
		if err := w.member(p.agency, control, s, alias); err != nil {
			return err
		}
	}
	if p.alias == "" {
		return nil
	}
	if err := w.alias(p, filepath.Join(dir, "alias-control.key")); err != nil {
		return err
	}
	return w.state(iss, control, envelope.Statement{Alias: p.alias})
}

// alias states the keys that an agency has under its alias, signed by the
// alias's own control key so that they do not lead back.
func (w *world) alias(p party, name string) error {
	control, err := w.signer(name)
	if err != nil {
		return err
	}
	iss, s := p.alias.URN(), p.systems[0]
	if err := w.stateKey(iss, control, name, envelope.UseControl); err != nil {
		return err
	}
	dir := filepath.Join("agencies", Folder(p.agency), s.name)
	if err := w.stateKey(iss, control, filepath.Join(dir, "alias-message.key"), envelope.UseMessage, s.roles...); err != nil {
		return err
	}
	return w.stateKey(iss, control, filepath.Join(dir, "alias-seal.key"), envelope.UseSeal, s.roles...)
}

// member makes the folder of one system.
func (w *world) member(agency gateway.AgencyID, control *envelope.Signer, s system, alias gateway.AgencyID) error {
	dir, iss := filepath.Join("agencies", Folder(agency), s.name), agency.URN()
	id := directory.SystemURI{Domain: w.cfg.Domain, Agency: agency, Name: s.name}
	if err := w.system(filepath.Join(dir, "tls"), id); err != nil {
		return err
	}
	if err := w.state(iss, control, envelope.Statement{System: &envelope.SystemItem{URI: id.String(), Roles: s.roles}}); err != nil {
		return err
	}
	file := client.File{
		URL: w.cfg.URL, Gateway: w.id, Agency: agency,
		Certificate: "tls.pem", CertificateKey: "file:tls.key", Authorities: "gateways.pem",
		Registrars: w.pins.Registrars, Officers: w.pins.Officers, Log: w.pins.Log, State: "state",
	}
	for _, use := range []envelope.Use{envelope.UseMessage, envelope.UseAccess, envelope.UseSeal} {
		name := string(use) + ".key"
		if err := w.stateKey(iss, control, filepath.Join(dir, name), use, s.roles...); err != nil {
			return err
		}
		file.Keys = append(file.Keys, client.FileKey{Use: use, Key: "file:" + name})
	}
	if alias != "" {
		file.Keys = append(file.Keys, client.FileKey{Use: envelope.UseMessage, Key: "file:alias-message.key", Alias: alias},
			client.FileKey{Use: envelope.UseSeal, Key: "file:alias-seal.key", Alias: alias})
	}
	if err := w.write(filepath.Join(dir, "gateways.pem"), certs.PEM(w.ca.gateways.Certificate)); err != nil {
		return err
	}
	return w.writeJSON(filepath.Join(dir, "client.json"), file)
}
