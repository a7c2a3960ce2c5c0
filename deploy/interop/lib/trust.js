// What a client goes by, read and verified in JavaScript alone: the directory
// that two registrars countersigned and the catalogue that two legal officers
// approved. The pins are those of client.json. (A client that lasts must also
// remember what it has seen, as the SDK does; a test run has nothing to remember.)
import assert from 'node:assert/strict'
import { calculateJwkThumbprint, importJWK } from 'jose'
import { claimsOf, digest, headerOf, sha256, verify } from './token.js'

// pinned verifies that both of two pinned keys stand behind what list signed,
// and returns the claims of each.
async function pinned(list, typ, pins) {
  const keys = new Map()
  for (const jwk of pins) keys.set(await calculateJwkThumbprint(jwk), await importJWK(jwk, 'ES256'))
  assert.equal(new Set(list.map((jwt) => headerOf(jwt).kid)).size, 2, `${typ}: not signed by two`)
  return Promise.all(list.map((jwt) => {
    const key = keys.get(headerOf(jwt).kid)
    assert.ok(key, `${typ}: signed by somebody who is not pinned`)
    return verify(jwt, typ, key)
  }))
}

// Directory knows whose key is whose, for which use and which roles.
export class Directory {
  constructor(keys) {
    this.keys = keys
  }

  static async read({ statements }, config) {
    const now = Math.floor(Date.now() / 1000)
    const said = []
    for (const { statement, countersignatures } of statements) {
      for (const c of await pinned(countersignatures, 'countersignature+jwt', config.registrars)) {
        assert.equal(c.digest, digest(statement), 'countersignature for another statement')
      }
      const claims = claimsOf(statement)
      if (claims.key) claims.kid = await calculateJwkThumbprint(claims.key.jwk)
      said.push({ statement, claims })
    }
    const control = said.filter(({ claims }) => claims.key?.use === 'control')
    const keys = []
    for (const { statement, claims } of said) {
      const by = control.find((c) => c.claims.kid === headerOf(statement).kid && c.claims.iss === claims.iss)
      assert.ok(by, 'statement without a control key of its issuer')
      await verify(statement, 'directory-statement+jwt', await importJWK(by.claims.key.jwk, 'ES256'))
      if (claims.key && claims.status === 'active' && claims.nbf <= now && now < claims.exp) {
        keys.push({ iss: claims.iss, kid: claims.kid, use: claims.key.use, jwk: claims.key.jwk, roles: claims.key.roles })
      }
    }
    return new Directory(keys)
  }

  // key is the one key of an issuer with that kid and use, for jose.
  async key(iss, kid, use) {
    const found = this.keys.filter((k) => k.iss === iss && k.kid === kid && k.use === use)
    assert.equal(found.length, 1, `${iss} has no ${use} key ${kid}`)
    return importJWK(found[0].jwk, 'ES256')
  }

  sealKeys(iss) {
    return this.keys.filter((k) => k.iss === iss && k.use === 'seal')
  }
}

// Catalogue is what the approved policy snapshot says of message types.
export class Catalogue {
  constructor(files) {
    this.files = files
  }

  static async read({ manifest, approvals, files }, config) {
    const now = Date.now() / 1000
    for (const a of await pinned(approvals, 'policy-approval+jwt', config.officers)) {
      assert.equal(a.aud, config.gateway)
      assert.equal(a.snapshot, digest(manifest), 'approval of another snapshot')
      assert.ok(a.nbf <= now && now < a.exp && !a.withhold_all, 'approval is not in force')
    }
    const listed = new Map(manifest.trim().split('\n').slice(1).map((line) => line.split('  ').reverse()))
    for (const [path, text] of Object.entries(files)) {
      assert.equal(sha256(text).toString('hex'), listed.get(path), `${path} is not what was approved`)
    }
    return new Catalogue(files)
  }

  #table(name) {
    return JSON.parse(this.files[`data/${name}.json`])[name]
  }

  kind(urn) {
    const prefix = urn.split(':')[3]
    return Object.entries(this.#table('kinds')).find(([, k]) => k.prefix === prefix)[0]
  }

  // spec is what a sender of the kind puts into a message of the type: every
  // field that it may hold, in table order.
  spec(type, kind) {
    const { properties } = JSON.parse(this.files[`message_types/${type}.schema.json`])
    return Object.entries(properties)
      .filter(([, f]) => kind in f['x-origin'] && !f['x-forbidden'])
      .map(([name, f]) => ({
        name, sealed: f['x-sealed'], size: f['x-sealed-size'], cells: f['x-cells'] === true, class: f['x-class'], subclass: f['x-subclass'],
      }))
  }

  // mayOpen are the sealed fields that a role may get at all, of a person who
  // is not protected: what the leg carries and the role's ceiling admits.
  mayOpen(type, spec, from, to, sameAgency) {
    const leg = this.#table('routes')[type].find((l) => l.senders.includes(from) && l.recipients.includes(to) &&
      l.urgency !== 'acute' && (!l.same_agency || sameAgency))
    assert.ok(leg, `no route for ${type} from ${from} to ${to}`)
    const { cells, matrix, exceptions } = this.#table('ceilings')
    return spec.filter((f) => {
      const instead = exceptions.find((e) => e.role === to && e.class === f.class && !e.except_messages.includes(type))
      const { admits, subclasses } = cells[instead?.cell ?? matrix[to]?.[f.class] ?? 'D']
      return f.sealed && !leg.without_classes?.includes(f.class) &&
        (leg.only_classes?.includes(f.class) ?? true) && (leg.only_fields?.includes(f.name) ?? true) &&
        (admits === 'any' || (admits === 'own' && sameAgency) || (admits === 'subclass' && subclasses.includes(f.subclass)))
    }).map((f) => f.name)
  }
}
