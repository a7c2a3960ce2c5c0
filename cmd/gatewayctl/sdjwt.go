package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sluss/gateway/envelope"
	"sluss/gateway/keys"
)

// sdjwtCommand has the commands for any RFC 9901 token, ours or not.
func sdjwtCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "sdjwt",
		Short: "Verify, redact and issue SD-JWTs (RFC 9901), of messages or any other",
		Example: `  gatewayctl sdjwt verify --issuer-jwk issuer.jwk < token.sd-jwt
  gatewayctl sdjwt redact --drop '["/data/risk_level"]' < token.sd-jwt`,
	}, sdjwtVerifyCommand(), sdjwtRedactCommand(), sdjwtIssueCommand())
}

// readToken reads a token from standard input; white space around it is no
// part of it.
func readToken(cmd *cobra.Command) (string, error) {
	raw, err := readInput(cmd, envelope.MaxToken)
	return string(bytes.TrimSpace(raw)), err
}

// readInput reads standard input up to a limit.
func readInput(cmd *cobra.Command, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading standard input: %w", err)
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("standard input is longer than %d bytes", limit)
	}
	return raw, nil
}

// verifyFlags are the flags of sdjwt verify.
type verifyFlags struct {
	issuer, typ, aud, nonce string
	requireKB               bool
	now                     int64
	maxAge                  time.Duration
}

func sdjwtVerifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify a token and print its processed payload",
		Long: `Read an SD-JWT, with or without key binding, from standard input, verify it with
the issuer's key, and print the processed payload as JSON: digests replaced by
what is disclosed, or gone (RFC 9901, Section 7.1).

The issuer's key is a file with one JWK, with or without kid, or with a JWK Set,
of which the one EC P-256 key with the token's kid is taken. A key binding JWT
that is there is verified in any case, with the key in cnf.jwk; --require-kb wants
one, for the given audience and nonce. exp and nbf are judged at --now.

A token that is not accepted is said why on standard error; exit code 1.`,
		Example: `  gatewayctl sdjwt verify --issuer-jwk issuer.jwk < token.sd-jwt
  gatewayctl sdjwt verify --issuer-jwk jwks.json --typ case-message+sd-jwt < token.sd-jwt
  gatewayctl sdjwt verify --issuer-jwk issuer.jwk --require-kb --aud https://verifier.example --nonce 1234567890 --now 1748537244 < token.sd-jwt`,
		Args: operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.requireKB && (f.aud == "" || f.nonce == "") {
				return usageError{errors.New("--require-kb needs --aud and --nonce: who the token is for, and which challenge it answers")}
			}
			now := time.Now()
			if cmd.Flags().Changed("now") {
				now = time.Unix(f.now, 0)
			}
			return verifySDJWT(cmd, f, now)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.issuer, "issuer-jwk", "", "`FILE` with the issuer's public JWK or JWK Set (required)")
	flags.StringVar(&f.typ, "typ", "", "the typ that the token must have (default: any)")
	flags.BoolVar(&f.requireKB, "require-kb", false, "refuse a token without key binding")
	flags.StringVar(&f.aud, "aud", "", "audience that the key binding must name")
	flags.StringVar(&f.nonce, "nonce", "", "nonce that the key binding must name")
	flags.Int64Var(&f.now, "now", 0, "judge times at `UNIX` seconds (default: now)")
	flags.DurationVar(&f.maxAge, "kb-max-age", 0, "refuse a key binding that is older, or from the future (default: any)")
	needs(cmd, "issuer-jwk")
	return cmd
}

func verifySDJWT(cmd *cobra.Command, f verifyFlags, now time.Time) error {
	jwk, err := os.ReadFile(f.issuer)
	if err != nil {
		return usageError{err}
	}
	raw, err := readToken(cmd)
	if err != nil {
		return err
	}
	t, err := envelope.Parse(raw)
	if err != nil {
		return err
	}
	issuer, err := envelope.SelectJWK(jwk, t.Header().KeyID)
	if err != nil {
		return fmt.Errorf("the issuer's key in %s: %w", f.issuer, err)
	}
	rules := envelope.Rules{Issuer: issuer, Type: f.typ, Now: now, RequireKeyBinding: f.requireKB, Audience: f.aud, Nonce: f.nonce}
	if t.KeyBinding() != nil {
		if rules.Holder, err = holderOf(t); err != nil {
			return err
		}
	}
	if err := t.Verify(rules); err != nil {
		return err
	}
	if f.maxAge > 0 {
		if err := youngBinding(t, now, f.maxAge); err != nil {
			return err
		}
	}
	var out bytes.Buffer
	if err := json.Indent(&out, t.Processed(), "", "  "); err != nil {
		return fmt.Errorf("printing the payload: %w", err)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), out.String())
	return err
}

// holderOf reads the holder's key out of cnf.jwk (RFC 7800, Section 3.2); what
// it stands in is verified together with the rest.
func holderOf(t *envelope.SDJWT) (envelope.PublicKey, error) {
	var claims struct {
		Confirmation struct {
			JWK json.RawMessage `json:"jwk"`
		} `json:"cnf"`
	}
	if err := json.Unmarshal(t.Processed(), &claims); err != nil || claims.Confirmation.JWK == nil {
		return envelope.PublicKey{}, fmt.Errorf("%w: the token names no key in cnf.jwk", envelope.ErrKeyBinding)
	}
	key, err := envelope.SelectJWK(claims.Confirmation.JWK, "")
	if err != nil {
		return envelope.PublicKey{}, fmt.Errorf("%w: cnf.jwk: %w", envelope.ErrKeyBinding, err)
	}
	return key, nil
}

// youngBinding judges the iat of the key binding (RFC 9901, Section 7.3).
func youngBinding(t *envelope.SDJWT, now time.Time, most time.Duration) error {
	var claims struct {
		IssuedAt int64 `json:"iat"`
	}
	if t.KeyBinding() == nil {
		return nil
	}
	if err := json.Unmarshal(t.KeyBinding(), &claims); err != nil {
		return envelope.ErrKeyBinding
	}
	switch age := now.Sub(time.Unix(claims.IssuedAt, 0)); {
	case age > most:
		return fmt.Errorf("%w: %w", envelope.ErrKeyBinding, envelope.ErrStale)
	case age < -envelope.Skew:
		return fmt.Errorf("%w: %w", envelope.ErrKeyBinding, envelope.ErrFuture)
	}
	return nil
}

func sdjwtRedactCommand() *cobra.Command {
	var drop string
	cmd := &cobra.Command{
		Use:   "redact",
		Short: "Take disclosures out of a token",
		Long: `Read an SD-JWT from standard input and print it without the disclosures at the
given places of its processed payload (JSON pointers, RFC 6901), without those
below them, and without a key binding, which was over the fuller token. The
issuer's signature stays good; it is not verified here. A place where nothing is
disclosed is an error: exit code 1.`,
		Example: `  gatewayctl sdjwt redact --drop '["/address/street_address", "/nationalities/1"]' < token.sd-jwt`,
		Args:    operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			pointers, err := pointerList("drop", drop)
			if err != nil {
				return err
			}
			raw, err := readToken(cmd)
			if err != nil {
				return err
			}
			t, err := envelope.Parse(raw)
			if err != nil {
				return err
			}
			if t, err = t.Drop(pointers...); err != nil {
				return err
			}
			return printToken(cmd, t.String())
		},
	}
	cmd.Flags().StringVar(&drop, "drop", "", "JSON array of `POINTERS` (required)")
	needs(cmd, "drop")
	return cmd
}

// issueFlags are the flags of sdjwt issue.
type issueFlags struct{ key, typ, kid, disclosable, decoys string }

func sdjwtIssueCommand() *cobra.Command {
	var f issueFlags
	cmd := &cobra.Command{
		Use:   "issue",
		Short: "Issue a token over any claims",
		Long: `Read claims, a JSON object, from standard input and print an SD-JWT over them,
signed with ES256. The places given become disclosures: members or array
elements; a place below another makes a disclosure within a disclosure.

The key is a file with an EC P-256 private key: PKCS#8 in PEM, mode 0600, or a
private JWK, whose kid, if it has one, goes into the header.`,
		Example: `  gatewayctl sdjwt issue --key issuer.pem --disclosable '["/given_name", "/nationalities/0"]' < claims.json
  gatewayctl sdjwt issue --key issuer.jwk --typ example+sd-jwt --disclosable '[]' --decoys '{"": 2}' < claims.json`,
		Args: operands(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return issueSDJWT(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.key, "key", "", "`FILE` with the issuer's private key (required)")
	flags.StringVar(&f.disclosable, "disclosable", "[]", "JSON array of `POINTERS`")
	flags.StringVar(&f.decoys, "decoys", "{}", "JSON object: pointer to number of decoy digests there")
	flags.StringVar(&f.typ, "typ", "", "typ of the header (default: none)")
	flags.StringVar(&f.kid, "kid", "", "kid of the header (default: that of the JWK, or none)")
	needs(cmd, "key")
	return cmd
}

func issueSDJWT(cmd *cobra.Command, f issueFlags) error {
	pointers, err := pointerList("disclosable", f.disclosable)
	if err != nil {
		return err
	}
	with := envelope.Issuance{Type: f.typ, Disclose: pointers}
	if json.Unmarshal([]byte(f.decoys), &with.Decoys) != nil {
		return usageError{errors.New(`--decoys must be a JSON object like {"/address": 2}`)}
	}
	var kid string
	if with.Signer, kid, err = readSigner(f.key); err != nil {
		return err
	}
	with.KeyID = f.kid
	if with.KeyID == "" {
		with.KeyID = kid
	}
	claims, err := readInput(cmd, envelope.MaxToken)
	if err != nil {
		return err
	}
	t, err := envelope.Issue(claims, with)
	if err != nil {
		return err
	}
	return printToken(cmd, t.String())
}

// readSigner reads a key file: PEM, or else a private JWK with its kid.
func readSigner(path string) (*envelope.Signer, string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, "", usageError{err}
	}
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		key, err := keys.LoadEC("file:" + path)
		if err != nil {
			return nil, "", err
		}
		s, err := envelope.NewSigner(key)
		return s, "", err
	}
	key, err := envelope.ParsePrivateJWK(raw)
	if err != nil {
		return nil, "", fmt.Errorf("reading %s: %w", path, err)
	}
	var named struct {
		KeyID string `json:"kid"`
	}
	if json.Unmarshal(raw, &named) != nil {
		return nil, "", fmt.Errorf("reading %s: kid is not a string", path)
	}
	s, err := envelope.NewSigner(key)
	return s, named.KeyID, err
}

// pointerList reads a flag that is a JSON array of JSON pointers.
func pointerList(flag, text string) ([]string, error) {
	var list []string
	if err := json.Unmarshal([]byte(text), &list); err != nil || list == nil {
		return nil, usageError{fmt.Errorf(`--%s must be a JSON array of JSON pointers like ["/address/street"]`, flag)}
	}
	for _, p := range list {
		if p == "" || p[0] != '/' {
			return nil, usageError{fmt.Errorf(`--%s: %q is not a JSON pointer to a member; it begins with "/"`, flag, p)}
		}
	}
	return list, nil
}

// printToken prints a token as a line, or as {"token": …}.
func printToken(cmd *cobra.Command, token string) error {
	return output(cmd, map[string]string{"token": token}, func(w io.Writer) { fmt.Fprintln(w, token) })
}

// needs makes flags required; without one the command line makes no sense.
func needs(cmd *cobra.Command, names ...string) {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, name := range names {
			if !cmd.Flags().Changed(name) {
				return usageError{fmt.Errorf("--%s is missing; see %s -h", name, cmd.CommandPath())}
			}
		}
		return run(cmd, args)
	}
}
