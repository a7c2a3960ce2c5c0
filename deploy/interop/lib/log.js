// Receipts: an entry's first part, its leaf, and the proof that the leaf is in
// the log (c2sp.org/tlog-proof), verified with Node's own cryptography.
import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { b64, sha256 } from './token.js'

const raw = (text) => Buffer.from(text, 'base64')
const hash = (prefix, ...parts) => sha256(Buffer.concat([Buffer.from([prefix]), ...parts]))

// openCheckpoint verifies a checkpoint (c2sp.org/tlog-checkpoint) with a
// verifier key of the form name+hash+key and returns size and root.
function openCheckpoint(text, pinned) {
  const [name, id, ...rest] = pinned.split('+')
  const key = raw(rest.join('+'))
  assert.equal(key[0], 1, 'not an Ed25519 key')
  const end = text.lastIndexOf('\n\n') + 1
  const body = text.slice(0, end)
  const line = text.slice(end + 1).split('\n').find((l) => l.startsWith(`— ${name} `))
  const signature = raw(line.split(' ')[2])
  assert.equal(signature.subarray(0, 4).toString('hex'), id)
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: b64(key.subarray(1)) }
  assert.ok(verify(null, Buffer.from(body), createPublicKey({ key: jwk, format: 'jwk' }), signature.subarray(4)), 'checkpoint signature')
  const [origin, size, root] = body.split('\n')
  assert.equal(origin, name)
  return { size: Number(size), root: raw(root) }
}

// verifyEntry verifies that an entry stands in the log and returns its index
// and first part (RFC 9162, Section 2.1.3.2).
export function verifyEntry({ e1, leaf, proof }, pinned) {
  assert.equal(leaf.length, 64)
  assert.deepEqual(sha256(e1), leaf.subarray(0, 32), 'the leaf is not made from this entry')
  const cut = proof.indexOf('\n\n')
  const [format, at, ...hashes] = proof.slice(0, cut).split('\n')
  assert.equal(format, 'c2sp.org/tlog-proof@v1')
  const index = Number(at.split(' ')[1])
  const { size, root } = openCheckpoint(proof.slice(cut + 2), pinned)
  assert.ok(index < size)
  let [fn, sn, r] = [index, size - 1, hash(0, leaf)]
  for (const p of hashes.map(raw)) {
    assert.notEqual(sn, 0, 'proof too long')
    if (fn % 2 === 1 || fn === sn) {
      r = hash(1, p, r)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
    } else {
      r = hash(1, r, p)
    }
    ;[fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
  }
  assert.equal(sn, 0, 'proof too short')
  assert.deepEqual(r, root, 'the entry is not in the tree')
  return { index, entry: JSON.parse(e1.toString('utf8')) }
}
