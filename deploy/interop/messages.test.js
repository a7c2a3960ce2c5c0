// Messages through a real gateway: sealed by the Go SDK and verified, opened and
// proven in JavaScript; sealed in JavaScript and accepted, filtered and opened
// by the Go SDK. Every person and value is made up.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { calculateJwkThumbprint, compactDecrypt, exportJWK, generateKeyPair, importPKCS8 } from 'jose'
import { ctl, must, start } from './lib/gateway.js'
import { verifyEntry } from './lib/log.js'
import { messageType, seal, unseal } from './lib/message.js'
import { b64, claimsOf, decode, digest, headerOf, readPEM, sdjwt, sign, split, unb64 } from './lib/token.js'
import { Catalogue, Directory } from './lib/trust.js'

const type = 'exit.threat_assessment'
const coordinator = 'police.exit_coordinator_regional'
const worker = 'municipality.social_worker'
const ref = () => b64(randomBytes(16))
const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)

// What the person's consent lets the social worker have of an assessment.
const released = ['assessment_id', 'assessed_at', 'valid_until', 'method', 'risk_level', 'protection_recommendation',
  'safety_instructions', 'contact_officer'].sort()
const withheld = ['no_go_areas', 'threat_source_summary', 'threat_actors', 'intel_reliability', 'ongoing_investigation_flag',
  'family_at_risk', 'honour_indicators'].sort()

const matter = { txn: ref(), sub_ref: ref() }

const assessment = () => ({
  type, from_role: coordinator, aud: 'municipality:0180', to_roles: [worker], purpose: 'PROTECTION', ...matter,
  fields: ['default'], basis_claimed: ['OSL-12-2'],
  data: {
    assessment_id: ref(), assessed_at: day(-2), valid_until: day(60), method: 'structured', risk_level: 4,
    protection_recommendation: 'advice', safety_instructions: 'CANARY ring före besök, "två gånger" <&> \u2028 \u{1F511}',
    no_go_areas: ['CANARY torget'], threat_source_summary: 'CANARY källa', threat_actors: [{ reference: 'CANARY-1' }],
    intel_reliability: 'CANARY B2', ongoing_investigation_flag: true, family_at_risk: [{ relation: 'CANARY' }],
    honour_indicators: ['control'], contact_officer: { role: 'CANARY', phone: '000' },
  },
})

const only = (values, names) => Object.fromEntries(names.map((name) => [name, values[name]]))

let world, police, town, directory, catalogue

before(async () => {
  world = await start()
  police = world.system('police')
  town = world.system('municipality:0180')
  await record(world.system('police', 'security'))
}, { timeout: 40_000 })

after(() => world?.stop())

// record puts a person on record with a consent in force.
async function record(security) {
  let seq = 0
  const state = (from, from_role, type, data) =>
    from.state({ type, from_role, purpose: 'EXIT_SUPPORT', ...matter, data: { ...data, seq: ++seq } })
  const agreed = async (receipt) => state(police, coordinator, 'exit.countersignature', { statement: receipt.jti, digest: receipt.digest })
  await agreed(await state(town, worker, 'exit.case_state', {
    state: 'open', parties: ['municipality:0180', 'police'], responsible_municipality: 'municipality:0180',
  }))
  await state(town, worker, 'exit.person_attributes', { adult: true, protection_marking: 'none', place_hidden: false, in_sis_care: false })
  await state(police, coordinator, 'exit.person_attributes', { elevated_threat: false })
  await state(security, 'police.personal_security_officer', 'exit.person_attributes', { psw: false })
  await agreed(await state(town, worker, 'exit.consent', {
    consent_id: ref(), given_by: 'subject', disclosers: [{ agency: 'police' }], recipients: [{ agency: 'municipality:0180' }],
    classes: ['ID', 'CON', 'CAS', 'ENV', 'PLN', 'RSK', 'SOC', 'OFF'], purposes: ['EXIT_SUPPORT', 'PROTECTION'],
    valid_from: day(-30), valid_to: day(150), form: 'written', info_text_version: '2026-01', recorded_by: ref(),
    evidence_hash: digest('the signed form'),
  }))
}

// verifier is @sd-jwt/core for releases of the gateway: keys from the directory.
async function verifier(token) {
  const { kid } = headerOf(token)
  return sdjwt({
    issuer: await directory.key(claimsOf(token).iss, kid, 'message'),
    holder: (header, payload) => directory.key(payload.cnf.kid, header.kid, 'release'),
  })
}

test('jose: two registrars stand behind every key, two officers behind the catalogue', async () => {
  directory = await Directory.read(await town.fetch('/v1/directory'), town.config)
  catalogue = await Catalogue.read(await town.fetch('/v1/snapshot'), town.config)
  assert.ok(directory.sealKeys(town.urn).length > 0)
  assert.equal(catalogue.spec(type, catalogue.kind(police.urn)).length, released.length + withheld.length)
})

// checkRelease holds a release, as it came, to what must be in it.
async function checkRelease(token, stored) {
  const { payload, header, kb } = await (await verifier(token)).verify(token, { keyBindingNonce: stored.delivery })
  assert.deepEqual({ typ: header.typ, iss: payload.iss, aud: payload.aud }, { typ: messageType, iss: police.urn, aud: town.urn })
  assert.equal(kb.payload.aud, town.urn)
  assert.deepEqual(Object.keys(payload.data).sort(), released)
  assert.deepEqual(payload.gate, {})
  const { release } = kb.payload
  assert.deepEqual(Object.keys(release.allowed).sort(), released)
  assert.deepEqual(Object.keys(release.withheld).sort(), withheld)
  const proven = { e1: Buffer.from(stored.e1, 'base64'), leaf: unb64(release.leaf), proof: stored.proof }
  const { entry } = verifyEntry(proven, town.config.log)
  assert.deepEqual([entry.kind, entry.message, entry.recipient, entry.sd_hash, entry.allowed],
    ['release', payload.jti, town.config.agency, kb.payload.sd_hash, release.allowed], 'the entry is about another release')
  return { payload, release }
}

test('Go seals, JavaScript opens', async (t) => {
  const draft = assessment()
  await police.send(await police.seal(draft))
  const [came, ...more] = await town.collect(worker)
  assert.deepEqual(more, [])
  const { token } = came.stored

  await t.test('@sd-jwt/core verifies the release as it is: signature, disclosures, key binding, nonce, sd_hash', async () => {
    await checkRelease(token, came.stored)
  })

  await t.test('jose opens the sealed fields; with the inner disclosures it is an ordinary SD-JWT to @sd-jwt/core', async () => {
    const { kid } = directory.sealKeys(town.urn).find((k) => k.roles.includes(worker))
    const opened = await unseal(token, kid, await readPEM(town.path('seal.key'), 'ECDH-ES'))
    assert.deepEqual(opened.values, only(draft.data, released))
    assert.deepEqual(opened.values, came.opened.data, 'Go opened something else')
    const { payload } = await (await verifier(token)).verify(opened.token)
    for (const name of released.filter((n) => payload.data[n].jwe)) assert.deepEqual(payload.data[name].value, draft.data[name])
    const spec = catalogue.spec(type, catalogue.kind(police.urn))
    assert.deepEqual(opened.keys.sort(), catalogue.mayOpen(type, spec, coordinator, worker, false).sort(), 'other field keys than the role may have')
  })

  await t.test('jose opens nothing with the key of another agency', async () => {
    const { keys } = claimsOf(token)
    const other = await readPEM(world.system('municipality:1480').path('seal.key'), 'ECDH-ES')
    for (const jwe of Object.values(keys)) await assert.rejects(compactDecrypt(jwe, other), { code: 'ERR_JWE_DECRYPTION_FAILED' })
  })

  await t.test('@sd-jwt/core rejects a release that was changed', async (t) => {
    const { jwt, disclosures, kb } = split(token)
    const join = (...parts) => parts.flat().join('~')
    const [header, , signature] = jwt.split('.')
    const other = b64(JSON.stringify({ ...claimsOf(jwt), txn: ref() }))
    const intruder = await generateKeyPair('ES256')
    const rows = {
      'a disclosure less': join(jwt, disclosures.slice(1), kb),
      'disclosures in another order': join(jwt, [...disclosures].reverse(), kb),
      'another claim': join([header, other, signature].join('.'), disclosures, kb),
      'another key binding key': join(jwt, disclosures, await sign(headerOf(kb), claimsOf(kb), intruder.privateKey)),
    }
    for (const [name, spoilt] of Object.entries(rows)) {
      await t.test(name, async () => {
        await assert.rejects((await verifier(token)).verify(spoilt, { keyBindingNonce: came.stored.delivery }), /sd_hash|Signature/i)
      })
    }
    await t.test('another delivery', async () => {
      await assert.rejects((await verifier(token)).verify(token, { keyBindingNonce: ref() }), /Nonce/)
    })
  })
})

// sealed makes a message of a system of the police in JavaScript.
async function sealed(draft, { from = police, ...spoil } = {}) {
  const key = await importPKCS8(readFileSync(from.path('message.key'), 'utf8'), 'ES256', { extractable: true })
  const { d, ...jwk } = await exportJWK(key)
  const spec = catalogue.spec(draft.type, catalogue.kind(from.urn))
  const role = draft.to_roles[0]
  const to = spec.some((f) => f.sealed) ? directory.sealKeys(`urn:sluss:agency:${draft.aud}`).filter((k) => k.roles.includes(role)) : []
  const fields = catalogue.mayOpen(draft.type, spec, draft.from_role, role, false)
  return seal(draft, {
    iss: from.urn, gateway: from.config.gateway, kid: await calculateJwkThumbprint(jwk), key, spec, to: to.map((k) => ({ ...k, fields })),
  }, spoil)
}

const post = (token, from = police) => from.call('POST', '/v1/messages', { body: token, type: 'application/sd-jwt' })

test('JavaScript seals, Go opens', async (t) => {
  const draft = assessment()
  const { jti, token } = await sealed(draft)

  await t.test('the gateway accepts it over TLS from Node: 202, and a receipt that proves the entry', async () => {
    const { status, text } = await post(token)
    assert.equal(status, 202, text)
    const receipt = JSON.parse(text)
    assert.equal(receipt.jti, jti)
    const proven = { e1: Buffer.from(receipt.e1, 'base64'), leaf: Buffer.from(receipt.leaf, 'base64'), proof: receipt.proof }
    const { index, entry } = verifyEntry(proven, police.config.log)
    assert.equal(index, receipt.entry)
    assert.equal(entry.digest, digest(token), 'the entry is about other bytes')
    const again = JSON.parse((await post(token)).text)
    assert.deepEqual([again.entry, again.e1], [receipt.entry, receipt.e1], 'the same bytes got another receipt')
  })

  await t.test('it is filtered at poll, and gatewayctl opens the values that were sealed', async () => {
    const [came, ...more] = await town.collect(worker)
    assert.deepEqual(more, [])
    assert.equal(came.opened.jti, jti)
    assert.deepEqual(came.opened.data, only(draft.data, released))
    assert.deepEqual(Object.keys(came.opened.withheld).sort(), withheld)
    assert.equal(came.opened.unusable, undefined)
    assert.deepEqual((await town.open(came.file)).data, only(draft.data, released))
    const kept = split(came.stored.token).disclosures
    assert.ok(kept.every((text) => token.includes(`~${text}~`)), 'a disclosure was changed on the way')
    assert.deepEqual(kept.map((text) => decode(text)[1]).sort(), released)
    await checkRelease(came.stored.token, came.stored)
  })

  await t.test('the gateway refuses what is sealed wrongly, by stable codes', async (t) => {
    const rows = [
      ['a value in the clear that must be sealed', { clear: 'safety_instructions' }, 'not-sealed'],
      ['a gate member missing', { drop: 'marking' }, 'malformed-message'],
      ['a sealed field missing', { drop: 'no_go_areas' }, 'missing-field'],
      ['field keys that name another message', { about: 'urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057' }, 'bad-sealing'],
      ['a header parameter more', { header: { jku: 'https://keys.invalid/' } }, 'bad-header'],
      ['another typ', { header: { typ: 'example+sd-jwt' } }, 'wrong-type'],
    ]
    for (const [name, spoil, code] of rows) {
      await t.test(`${name}: ${code}`, async () => {
        const { status, type, text } = await post((await sealed(assessment(), spoil)).token)
        assert.equal(type, 'application/problem+json', text)
        assert.ok(status >= 400 && status < 500)
        assert.equal(JSON.parse(text).code, code, text)
        assert.ok(!text.includes('CANARY'))
      })
    }
  })
})

// report is a table of counts, one of them missing.
const report = () => ({
  type: 'exit.followup_report', from_role: 'police.grants_officer', aud: 'socialstyrelsen', to_roles: ['socialstyrelsen.analyst'],
  purpose: 'STATISTICS', txn: ref(), fields: ['default'], basis_claimed: [],
  data: {
    period: '2026-H1', geography_level: 'municipality', dimensions: ['geography', 'sex'],
    cells: [
      { id: 't', dims: { geography: 'municipality:A' }, covers: ['municipality:A'], total_of: ['a1', 'a2', 'a3'], n: 26 },
      { id: 'a1', dims: { geography: 'municipality:A', sex: 'woman' }, covers: ['municipality:A'], n: 3 },
      { id: 'a2', dims: { geography: 'municipality:A', sex: 'man' }, covers: ['municipality:A'], n: 16 },
      { id: 'a3', dims: { geography: 'municipality:A', sex: 'unknown' }, covers: ['municipality:A'], n: 7 },
      { id: 'n1', dims: { geography: 'national' }, covers: ['municipality:A', 'municipality:B', 'municipality:C'] },
    ],
    suppression_method: 'none', narrative_reviewed_by: ref(),
  },
})

test('a table from JavaScript, each number a disclosure of its own: accepted; what gatewayctl blanks is gone for @sd-jwt/core', async () => {
  const grants = world.system('police', 'grants')
  const draft = report()
  const { token } = await sealed(draft, { from: grants })
  const { status, text } = await post(token, grants)
  assert.equal(status, 202, text)
  const blanked = (await must(['sdjwt', 'redact', '--drop', '["/data/cells/1/n", "/data/cells/2/n"]'], token)).trim()
  const whole = await (await verifier(token)).verify(token)
  const part = await (await verifier(blanked)).verify(blanked)
  assert.deepEqual(whole.payload.data, draft.data)
  for (const cell of draft.data.cells.slice(1, 3)) delete cell.n
  assert.deepEqual(part.payload.data, draft.data)
})

test('gatewayctl proves the whole log of this run', async () => {
  const r = await ctl(['log', 'verify', '--pins', `${world.dir}/gateway/pins.json`, '--client', police.path('client.json'), police.config.url])
  assert.equal(r.code, 0, r.stderr)
})
