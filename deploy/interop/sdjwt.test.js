// "gatewayctl sdjwt" against @sd-jwt/core, with tokens that have nothing to do
// with the gateway (RFC 9901): what one issues or presents the other verifies,
// and what no verifier may accept, gatewayctl does not.
import assert from 'node:assert/strict'
import { createPrivateKey, sign as signBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { CompactSign, exportJWK, generateKeyPair, importJWK } from 'jose'
import { ctl, must } from './lib/gateway.js'
import { b64, digest, disclose, headerOf, salt, sdjwt, split } from './lib/token.js'

const now = Math.floor(Date.now() / 1000)
const aud = 'https://verifier.example'
const nonce = 'n-1'

const dir = mkdtempSync(join(tmpdir(), 'sluss-interop-'))
after(() => rmSync(dir, { recursive: true, force: true }))

const file = (name) => join(dir, name)
let issuer, holder, other // key pairs of jose's, each with its public jwk

async function pair(name) {
  const keys = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(keys.publicKey)
  const secret = await exportJWK(keys.privateKey)
  writeFileSync(file(`${name}.jwk`), JSON.stringify(jwk))
  writeFileSync(file(`${name}.key.jwk`), JSON.stringify(secret), { mode: 0o600 })
  return { ...keys, jwk, nodeKey: createPrivateKey({ key: secret, format: 'jwk' }) }
}

before(async () => {
  issuer = await pair('issuer')
  holder = await pair('holder')
  other = await pair('other')
})

// library is @sd-jwt/core with all keys; the holder's stands in cnf.jwk.
const library = () => sdjwt({
  issuer: issuer.publicKey, sign: issuer.privateKey, bind: holder.privateKey,
  holder: (header, payload) => importJWK(payload.cnf.jwk, 'ES256'),
})

const claims = () => ({
  iss: 'https://issuer.example', iat: now, exp: now + 600, cnf: { jwk: holder.jwk },
  name: 'CANARY Ö, "citat" <&> \u2028 \u{1F511}', numbers: [0, -1, 1.5, 9007199254740991], nothing: null, yes: true, empty: {},
  address: { street: 'CANARY 1', country: 'SE', parts: { floor: 2, door: 'A' } },
  nationalities: ['SE', 'FI', { code: 'NO', since: '2020-01-01' }],
})

const issueGo = async (claims, places, ...flags) =>
  (await must(['sdjwt', 'issue', '--key', file('issuer.key.jwk'), '--disclosable', JSON.stringify(places), ...flags], JSON.stringify(claims))).trim()

const verifyGo = (token, ...flags) => ctl(['sdjwt', 'verify', '--issuer-jwk', file('issuer.jwk'), ...flags], token)
const bound = ['--require-kb', '--aud', aud, '--nonce', nonce]

// accepted is what gatewayctl says of a token that it must accept.
async function accepted(token, ...flags) {
  const r = await verifyGo(token, ...flags)
  assert.equal(r.code, 0, r.stderr)
  const { _sd_alg, ...payload } = JSON.parse(r.stdout)
  return payload
}

// The same places for both: members, members of members, array elements, and
// disclosures within disclosures.
const shapes = [
  { name: 'nothing disclosed', places: [], frame: {} },
  { name: 'members', places: ['/name', '/nothing', '/empty', '/numbers'], frame: { _sd: ['name', 'nothing', 'empty', 'numbers'] } },
  { name: 'members of members', places: ['/address/street', '/address/parts/door'], frame: { address: { _sd: ['street'], parts: { _sd: ['door'] } } } },
  { name: 'array elements', places: ['/nationalities/0', '/nationalities/2'], frame: { nationalities: { _sd: [0, 2] } } },
  {
    name: 'disclosures within disclosures',
    places: ['/address', '/address/parts', '/address/parts/floor', '/nationalities', '/nationalities/2', '/nationalities/2/code'],
    frame: { _sd: ['address', 'nationalities'], address: { _sd: ['parts'], parts: { _sd: ['floor'] } }, nationalities: { _sd: [2], 2: { _sd: ['code'] } } },
  },
]

test('gatewayctl issues, @sd-jwt/core verifies', async (t) => {
  for (const { name, places } of shapes) {
    await t.test(name, async () => {
      const token = await issueGo(claims(), places, '--decoys', '{"": 2, "/address": 1}', '--typ', 'example+sd-jwt', '--kid', 'k')
      assert.equal(split(token).disclosures.length, places.length)
      assert.deepEqual(headerOf(token), { alg: 'ES256', kid: 'k', typ: 'example+sd-jwt' })
      assert.deepEqual((await library().verify(token)).payload, claims())
    })
  }
})

test('@sd-jwt/core issues, gatewayctl verifies', async (t) => {
  for (const { name, places, frame } of shapes) {
    await t.test(name, async () => {
      const token = await library().issue(claims(), { ...frame, _sd_decoy: 2 }, { header: { typ: 'example+sd-jwt' } })
      assert.equal(split(token).disclosures.length, places.length)
      assert.deepEqual(await accepted(token, '--typ', 'example+sd-jwt'), claims())
    })
  }
})

test('gatewayctl redacts, @sd-jwt/core verifies what is left', async () => {
  const { places, frame } = shapes.at(-1)
  const rest = claims()
  delete rest.address.parts
  rest.nationalities.splice(2, 1)
  for (const token of [await issueGo(claims(), places), await library().issue(claims(), frame)]) {
    const redacted = (await must(['sdjwt', 'redact', '--drop', '["/address/parts", "/nationalities/2"]'], token)).trim()
    assert.equal(split(redacted).disclosures.length, 2)
    assert.deepEqual((await library().verify(redacted)).payload, rest)
    assert.deepEqual(await accepted(redacted), rest)
  }
})

// present lets @sd-jwt/core bind a token to the holder's key.
const present = (token, frame) =>
  library().present(token, frame, { kb: { payload: { iat: now, aud, nonce } } })

test('@sd-jwt/core presents a part with key binding, gatewayctl verifies both signatures', async () => {
  const rest = claims()
  for (const name of ['name', 'nothing', 'empty', 'numbers']) delete rest[name]
  rest.address = { country: 'SE', street: 'CANARY 1', parts: { floor: 2 } }
  rest.nationalities = ['FI', { code: 'NO', since: '2020-01-01' }]
  const places = shapes.slice(1, 4).flatMap((s) => s.places)
  const frame = Object.assign({}, ...shapes.slice(1, 4).map((s) => s.frame))
  for (const token of [await issueGo(claims(), places), await library().issue(claims(), frame)]) {
    const shown = await present(token, { address: { street: true }, nationalities: { 2: true } })
    assert.deepEqual(await accepted(shown, ...bound), rest)
    assert.deepEqual((await library().verify(shown, { keyBindingNonce: nonce })).payload, rest)
  }
})

// forge signs any header and payload, as no library would.
function forge(header, payload, by = issuer, dsaEncoding = 'ieee-p1363') {
  const input = `${b64(JSON.stringify(header))}.${b64(typeof payload === 'string' ? payload : JSON.stringify(payload))}`
  return `${input}.${b64(signBytes('sha256', Buffer.from(input), { key: by.nodeKey, dsaEncoding }))}`
}

// spoilt returns tokens with one thing wrong each: [what, why it is rejected,
// token, flags].
async function spoilt() {
  const es256 = { alg: 'ES256' }
  const base = { iss: 'https://issuer.example', iat: now, exp: now + 600, cnf: { jwk: holder.jwk }, _sd_alg: 'sha-256' }
  const a = disclose('a', 1)
  const token = (payload, ...disclosures) => [forge(es256, payload), ...disclosures, ''].join('~')
  const with_ = (d, ...texts) => token({ ...base, _sd: [d.digest] }, d.text, ...texts)
  const good = with_(a)
  const { jwt } = split(good)
  const [h, p, s] = jwt.split('.')
  const named = (header) => [forge(header, { ...base, _sd: [a.digest] }), a.text, ''].join('~')
  const text = (text) => ({ text, digest: digest(text) })
  const raw = (json) => text(b64(json))
  const again = disclose('a', 2)
  const hmac = await new CompactSign(Buffer.from(JSON.stringify(base))).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(JSON.stringify(issuer.jwk)))
  const kb = (header, claims, by = holder) => good + forge(header, { iat: now, aud, nonce, sd_hash: digest(good), ...claims }, by)
  const typ = { alg: 'ES256', typ: 'kb+jwt' }
  assert.deepEqual(await accepted(good), { iss: base.iss, iat: now, exp: now + 600, cnf: base.cnf, a: 1 }, 'the good token')
  await accepted(kb(typ, {}), ...bound)
  return [
    ['alg none', 'alg is not ES256', `${b64('{"alg":"none"}')}.${p}.~${a.text}~`],
    ['alg HS256 with the public key as secret', 'alg is not ES256', `${hmac}~`],
    ['another issuer', 'signature does not verify', [forge(es256, base, other), ''].join('~')],
    ['a changed payload', 'signature does not verify', [h, b64(JSON.stringify({ ...base, iss: 'https://other.example' })), s].join('.') + '~'],
    ['a signature in DER', 'not an ES256 signature', [forge(es256, base, issuer, 'der'), ''].join('~')],
    ['a crit header', 'header parameter not allowed: crit', named({ ...es256, crit: ['example'], example: 1 })],
    ['a b64 header', 'header parameter not allowed: b64', named({ ...es256, b64: true })],
    ['a jwk header', 'header parameter not allowed: jwk', named({ ...es256, jwk: other.jwk })],
    ['a jku header', 'header parameter not allowed: jku', named({ ...es256, jku: 'https://keys.invalid' })],
    ['an expired token', 'expired', token({ ...base, exp: now - 600 })],
    ['a token not valid yet', 'in the future', token({ ...base, nbf: now + 600 })],
    ['a name twice in the payload', 'duplicate name', token(JSON.stringify(base).replace('{', '{"iss":"x",'))],
    ['_sd_alg sha-512', '_sd_alg is not sha-256', token({ ...base, _sd_alg: 'sha-512', _sd: [a.digest] }, a.text)],
    ['no tilde', 'no tilde', jwt],
    ['no last tilde', 'after the last tilde', good.slice(0, -1)],
    ['an empty disclosure', 'no value', with_(a, '')],
    ['a padded disclosure', 'base64url', with_(text(a.text + '='))],
    ['a line break in a disclosure', 'base64url', with_(text(`${a.text.slice(0, 8)}\n${a.text.slice(8)}`))],
    ['a disclosure that is not referenced', 'nothing refers to', with_(a, disclose('b', 2).text)],
    ['a disclosure twice', 'a disclosure twice', with_(a, a.text)],
    ['a digest twice', 'a digest twice', token({ ...base, _sd: [a.digest, a.digest] }, a.text)],
    ['a digest in two places', 'a digest twice', token({ ...base, _sd: [a.digest], in: { _sd: [a.digest] } }, a.text)],
    ['a disclosure that overwrites iss', 'overwrites a claim', with_(disclose('iss', 'https://other.example'))],
    ['two disclosures of one name', 'overwrites a claim', token({ ...base, _sd: [a.digest, again.digest] }, a.text, again.text)],
    ['an array element among members', 'in the wrong place', with_(disclose(undefined, 1))],
    ['a member among array elements', 'in the wrong place', token({ ...base, list: [{ '...': a.digest }] }, a.text)],
    ['a disclosure named _sd', 'reserved name', with_(disclose('_sd', []))],
    ['a disclosure named ...', 'reserved name', with_(disclose('...', 'x'))],
    ['a disclosure of four elements', 'not a disclosure', with_(raw(JSON.stringify([salt(), 'a', 1, 2])))],
    ['a disclosure that is no array', 'not a disclosure', with_(raw('{"a":1}'))],
    ['a name twice in a disclosure', 'duplicate name', with_(raw(`["${salt()}","a",{"x":1,"x":2}]`))],
    ['_sd that is no array', '_sd is not an array', token({ ...base, _sd: a.digest }, a.text)],
    ['a digest that is no string', 'not a digest', token({ ...base, _sd: [1] })],
    ['no key binding where one is required', 'there is none', good, bound],
    ['key binding with another nonce', 'another nonce', kb(typ, { nonce: 'n-2' }), bound],
    ['key binding for another audience', 'wrong audience', kb(typ, { aud: 'https://other.example' }), bound],
    ['key binding over another set', 'another set of disclosures', kb(typ, { sd_hash: digest(`${jwt}~`) }), bound],
    ['key binding by another key', 'signature does not verify', kb(typ, {}, other), bound],
    ['key binding with typ JWT', 'wrong typ', kb({ alg: 'ES256', typ: 'JWT' }, {}), bound],
    ['key binding without iat', 'iat is missing', kb(typ, { iat: undefined }), bound],
    ['key binding that does not verify, though none is required', 'signature does not verify', kb(typ, {}, other)],
  ]
}

test('gatewayctl rejects what no verifier may accept', async (t) => {
  const rows = await spoilt()
  const lenient = []
  for (const [name, why, token, flags = []] of rows) {
    await t.test(name, async () => {
      const r = await verifyGo(token, ...flags)
      assert.equal(r.code, 1, `accepted: ${r.stdout}`)
      assert.equal(r.stdout, '')
      assert.ok(r.stderr.includes(why), r.stderr)
      await library().verify(token, flags.length ? { keyBindingNonce: nonce } : undefined).then(() => lenient.push(name), () => {})
    })
  }
  t.diagnostic(`for comparison: @sd-jwt/core with jose accepts ${lenient.length} of these ${rows.length}: ${lenient.join('; ')}`)
})
