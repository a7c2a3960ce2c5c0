// Package policies holds what legal officers own: the provisions that open
// and close secrecy (provisions/*.rego), the tables they read (data/*.json)
// and the message types with their fields (message_types/*.schema.json).
// Nothing a lawyer may want to change is Go; this file only embeds the tree,
// so that a gateway carries the policy it was built with as its first
// snapshot. What a gateway runs is another question: package snapshot reads a
// tree and two legal officers approve its digest.
//
// # Tables
//
// Each file of data/ is one object under one key, the file's name, so that
// stock opa loads the directory as it stands and a rule reads
// data.roles["municipality.social_worker"].kind. The tables say which kinds of
// agency, roles, purposes, data classes and secrecy rules there are; what a
// role may at most get (ceilings); who may send which message type to whom
// (routes); which legal bases may open secrecy from one kind of agency to
// another, in the order in which they are tried (flows); which facts the
// policy may look at (facts) and who may state them (statements, standings).
//
// The home of a legal basis, its statute, titles, way and reach, is the
// METADATA block of its provision and no table.
//
// # Message types
//
// A message type is a JSON Schema (draft 2020-12) of its opened fields. What
// the schema language has no word for stands in annotations, which package
// catalogue reads strictly:
//
//	x-class, x-subclass   data class of a field
//	x-sealed              the value travels encrypted from sender to recipient
//	x-sealed-size         bytes of the inner disclosure after padding
//	x-origin              kinds of agency that hold the field → secrecy rules that cover it there
//	x-required-of         kinds that must supply the field (required: every sender must)
//	x-locating            the field tells where a person is
//	x-forbidden           the field may never be sent
//	x-cells               each element's "n" is a disclosure of its own
//
// and on the type x-code, x-message-type, x-version, x-control, x-named-only
// (fields must be named), x-officials (named officials read it, so it stays
// until it expires) and x-subject (a person is required, optional, none).
package policies

import "embed"

// FS is the tree as it was built in: data, message_types, provisions and the
// never-rules that are proven of them.
//
//go:embed data/*.json message_types/*.schema.json never/*.rego provisions/*.rego
var FS embed.FS
