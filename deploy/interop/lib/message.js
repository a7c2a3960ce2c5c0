// The message profile (gateway/envelope/DESIGN.md) in JavaScript: sealing as a
// sender, opening as a recipient. Nesting a disclosure in a JWE is not what
// @sd-jwt/core can issue, so disclosures are made here; all cryptography is
// jose's, and every result is verified as an ordinary SD-JWT by @sd-jwt/core.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { CompactEncrypt, compactDecrypt, importJWK } from 'jose'
import { b64, claimsOf, decode, decoy, digest, disclose, salt, sign, split, unb64 } from './token.js'

export const messageType = 'case-message+sd-jwt'

// newID is a fresh urn:uuid of version 7 (RFC 9562, Section 5.7).
function newID() {
  const b = randomBytes(16)
  b.writeUIntBE(Date.now(), 0, 6)
  b[6] = 0x70 | (b[6] & 0x0f)
  b[8] = 0x80 | (b[8] & 0x3f)
  return `urn:uuid:${b.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5')}`
}

// pad fills JSON up to size bytes with spaces before its last character.
function pad(json, size) {
  const missing = size - Buffer.byteLength(json)
  if (missing < 0) throw new Error(`${-missing} bytes over`)
  return json.slice(0, -1) + ' '.repeat(missing) + json.slice(-1)
}

const encrypt = (plain, header, key) =>
  new CompactEncrypt(Buffer.from(plain)).setProtectedHeader({ enc: 'A256GCM', ...header }).encrypt(key)

// seal makes the message that POST /v1/messages takes. draft has the names of
// "gatewayctl message seal"; to is a list of {kid, jwk, fields}: the keys of
// the recipient and which field keys go to each. spoil may break one thing.
export async function seal(draft, { iss, gateway, kid, key, spec, to }, spoil = {}) {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss, aud: `urn:sluss:agency:${draft.aud}`, jti: newID(), iat: now, exp: now + 24 * 3600, txn: draft.txn, sub_ref: draft.sub_ref ?? null,
    schema: { type: draft.type, version: 1 }, purpose: draft.purpose, from_role: draft.from_role, to_roles: draft.to_roles,
    cnf: { kid: gateway },
  }
  const gate = {
    fields: draft.fields, reason: null, basis_claimed: draft.basis_claimed, consent_ref: null, assessment_ref: null,
    marking: 'none', child: false, urgency: 'normal', about: {},
  }
  const texts = []
  const add = ({ text, digest }) => (texts.push(text), digest)
  const gateDigests = Object.entries(gate).map(([name, value]) => add(disclose(name, value)))
  const fieldKeys = {}
  const dataDigests = []
  for (const f of spec) {
    const value = draft.data[f.name]
    if (f.sealed && f.name !== spoil.clear) {
      fieldKeys[f.name] = randomBytes(32)
      dataDigests.push(add(await sealField(f, value ?? null, claims, fieldKeys[f.name])))
    } else if (value === undefined) {
      dataDigests.push(decoy())
    } else {
      dataDigests.push(add(disclose(f.name, f.cells ? value.map((cell) => blank(cell, add)) : value)))
    }
  }
  const keys = {}
  const size = 2 + spec.filter((f) => f.sealed).reduce((n, f) => n + f.name.length + 6 + 43, 0)
  for (const { kid, jwk, fields } of to) {
    const plain = JSON.stringify(Object.fromEntries(fields.filter((name) => name in fieldKeys).map((name) => [name, b64(fieldKeys[name])])))
    keys[kid] = await encrypt(pad(plain, size), { alg: 'ECDH-ES', kid, typ: 'field-keys+jwe', iss, aud: claims.aud, sub: spoil.about ?? claims.jti },
      await importJWK(jwk, 'ECDH-ES'))
  }
  const payload = { ...claims, gate: { _sd: gateDigests.sort() }, data: { _sd: dataDigests.sort() }, keys, _sd_alg: 'sha-256' }
  const jwt = await sign({ alg: 'ES256', typ: messageType, kid, ...spoil.header }, payload, key)
  if (spoil.drop) texts.splice(texts.findIndex((t) => decode(t)[1] === spoil.drop), 1)
  return { jti: claims.jti, token: [jwt, ...texts, ''].join('~') }
}

// blank takes the number out of a cell of a table: a disclosure of its own.
function blank({ n, ...cell }, add) {
  return { ...cell, _sd: [n === undefined ? decoy() : add(disclose('n', n))] }
}

// sealField makes the outer disclosure of a field, its value in an inner one.
async function sealField(field, value, { iss, jti }, key) {
  const inner = b64(pad(JSON.stringify([salt(), 'value', value]), field.size))
  const jwe = await encrypt(inner, { alg: 'dir', typ: 'sealed-disclosure+jwe', iss, sub: `${jti}#/data/${field.name}` }, key)
  return disclose(field.name, { jwe, _sd: [digest(inner)] })
}

// decrypt opens a compact JWE of the one algorithm and header that the message
// that it lies in calls for.
async function decrypt(jwe, key, want) {
  const { plaintext, protectedHeader } = await compactDecrypt(jwe, key, {
    keyManagementAlgorithms: [want.alg], contentEncryptionAlgorithms: ['A256GCM'],
  })
  const { epk, ...header } = protectedHeader
  assert.deepEqual(header, { ...want, enc: 'A256GCM' })
  return Buffer.from(plaintext).toString('utf8')
}

// unseal opens the sealed fields of a release with a decryption key. It returns
// the values and the SD-JWT without key binding, the inner disclosures added.
export async function unseal(release, kid, key) {
  const { jwt, disclosures } = split(release)
  const { iss, aud, jti, keys } = claimsOf(jwt)
  const bundle = JSON.parse(await decrypt(keys[kid], key, { alg: 'ECDH-ES', kid, typ: 'field-keys+jwe', iss, aud, sub: jti }))
  const values = {}
  const inner = []
  for (const [, name, value] of disclosures.map(decode)) {
    if (!value?.jwe) {
      values[name] = value
      continue
    }
    const text = await decrypt(value.jwe, unb64(bundle[name]), { alg: 'dir', typ: 'sealed-disclosure+jwe', iss, sub: `${jti}#/data/${name}` })
    assert.deepEqual(value._sd, [digest(text)], `${name} is not what the sender committed to`)
    inner.push(text)
    values[name] = decode(text)[2]
  }
  return { values, keys: Object.keys(bundle), token: [jwt, ...disclosures, ...inner, ''].join('~') }
}
