// What both tests need of JOSE (through jose) and SD-JWT (through @sd-jwt/core,
// RFC 9901): ES256 and SHA-256, nothing else.
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { SDJwtInstance } from '@sd-jwt/core'
import { CompactSign, compactVerify, importPKCS8 } from 'jose'

export const b64 = (bytes) => Buffer.from(bytes).toString('base64url')
export const unb64 = (text) => Buffer.from(text, 'base64url')
export const sha256 = (bytes) => createHash('sha256').update(bytes).digest()
export const digest = (bytes) => b64(sha256(bytes))
export const salt = () => b64(randomBytes(16))
export const decoy = () => b64(randomBytes(32))

// decode returns a part of a token as JSON, unverified.
export const decode = (part) => JSON.parse(unb64(part).toString('utf8'))

// headerOf and claimsOf return what a JWT says, unverified.
export const headerOf = (jwt) => decode(jwt.split('.')[0])
export const claimsOf = (jwt) => decode(jwt.split('.')[1])

// split takes an SD-JWT apart; kb is '' if it has no key binding.
export function split(token) {
  const parts = token.split('~')
  return { jwt: parts[0], disclosures: parts.slice(1, -1), kb: parts.at(-1) }
}

// readPEM reads a PKCS#8 key for an algorithm of jose.
export const readPEM = (path, alg) => importPKCS8(readFileSync(path, 'utf8'), alg)

// sign signs claims, or bytes that are to be signed as they are.
export function sign(header, claims, key) {
  const bytes = claims instanceof Uint8Array ? claims : Buffer.from(JSON.stringify(claims))
  return new CompactSign(bytes).setProtectedHeader(header).sign(key)
}

// verify verifies a JWT with jose, of one typ, and returns its claims.
export async function verify(jwt, typ, key) {
  const { payload, protectedHeader } = await compactVerify(jwt, key, { algorithms: ['ES256'] })
  if (protectedHeader.typ !== typ) throw new Error(`typ is ${protectedHeader.typ}, must be ${typ}`)
  return JSON.parse(Buffer.from(payload).toString('utf8'))
}

// signerOf lets @sd-jwt/core sign with jose. The library hands over the signing
// input, jose makes its own: they must be the same bytes.
const signerOf = (key) => async (data) => {
  const [header, payload] = data.split('.')
  const jwt = await sign(decode(header), unb64(payload), key)
  if (!jwt.startsWith(data + '.')) throw new Error('jose and @sd-jwt/core disagree on the signing input')
  return jwt.slice(data.length + 1)
}

const verifies = (data, sig, key) =>
  compactVerify(`${data}.${sig}`, key, { algorithms: ['ES256'] }).then(() => true, () => false)

// sdjwt returns an instance of @sd-jwt/core. The keys are jose's: issuer is a
// public key, holder a function from the key binding's header and the verified
// payload to one.
export function sdjwt({ issuer, holder, sign: issuerKey, bind: holderKey }) {
  return new SDJwtInstance({
    hasher: (data) => sha256(data),
    hashAlg: 'sha-256',
    saltGenerator: () => salt(),
    omitTyp: true,
    signAlg: 'ES256',
    signer: issuerKey && signerOf(issuerKey),
    kbSignAlg: 'ES256',
    kbSigner: holderKey && signerOf(holderKey),
    verifier: (data, sig) => verifies(data, sig, issuer),
    kbVerifier: async (data, sig, payload) => verifies(data, sig, await holder(headerOf(data), payload)),
  })
}

// disclose makes a disclosure and its digest; without a name it is that of an
// array element.
export function disclose(name, value) {
  const text = b64(JSON.stringify(name === undefined ? [salt(), value] : [salt(), name, value]))
  return { text, digest: digest(text) }
}
