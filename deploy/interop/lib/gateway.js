// A gateway of its own for one test run: a development world in a temporary
// directory, the real gateway program on free ports of the loopback interface,
// and gatewayctl. Nothing outlives the run.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const bin = (name) => new URL(`../../../bin/${name}`, import.meta.url).pathname

// ctl runs gatewayctl to its end.
export async function ctl(args, input = '') {
  const child = spawn(bin('gatewayctl'), args, { timeout: 30_000 })
  const out = { code: null, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (s) => (out.stdout += s))
  child.stderr.setEncoding('utf8').on('data', (s) => (out.stderr += s))
  child.stdin.on('error', () => {}) // it may end without reading
  child.stdin.end(input)
  ;[out.code] = await once(child, 'close')
  return out
}

// must is ctl for what has to succeed.
export async function must(args, input) {
  const r = await ctl(args, input)
  if (r.code !== 0) throw new Error(`gatewayctl ${args.slice(0, 2).join(' ')}: exit ${r.code}: ${r.stderr.trim()}`)
  return r.stdout
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

// start makes a world and serves it.
export async function start() {
  const dir = mkdtempSync(join(tmpdir(), 'sluss-interop-'))
  const [port, operations] = [await freePort(), await freePort()]
  const world = new World(dir, operations)
  process.once('exit', () => world.abandon())
  for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(s, () => process.exit(1))
  try {
    await must(['certs', 'dev', '--url', `https://127.0.0.1:${port}`, dir])
    await world.serve()
  } catch (err) {
    await world.stop()
    throw err
  }
  return world
}

class World {
  #process
  #log = ''

  constructor(dir, operations) {
    this.dir = dir
    this.operations = operations
  }

  async serve() {
    const path = join(this.dir, 'gateway', 'gateway.json')
    const config = JSON.parse(readFileSync(path, 'utf8'))
    config.operations = `127.0.0.1:${this.operations}`
    writeFileSync(path, JSON.stringify(config))
    this.#process = spawn(bin('gateway'), ['-config', path], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const s of [this.#process.stdout, this.#process.stderr]) s.setEncoding('utf8').on('data', (t) => (this.#log += t))
    await once(this.#process, 'spawn')
    for (const end = Date.now() + 20_000; !(await this.ready()); await sleep(20)) {
      if (this.#process.exitCode !== null || Date.now() > end) throw new Error(`the gateway is not ready: ${this.#log.slice(-800)}`)
    }
  }

  ready() {
    return new Promise((resolve) => {
      httpRequest({ host: '127.0.0.1', port: this.operations, path: '/readyz', agent: false }, (res) => {
        res.resume()
        resolve(res.statusCode === 200)
      }).on('error', () => resolve(false)).end()
    })
  }

  // system returns one system of an agency: what its client.json says.
  system(agency, name = 'exit') {
    const dir = join(this.dir, 'agencies', agency.replaceAll(':', '-'), name)
    return new System(dir, JSON.parse(readFileSync(join(dir, 'client.json'), 'utf8')))
  }

  // stop drains the gateway and removes the world.
  async stop() {
    const p = this.#process
    if (p && p.exitCode === null && p.signalCode === null) {
      const ended = once(p, 'exit')
      p.kill('SIGTERM')
      await Promise.race([ended, sleep(10_000, null, { ref: false }).then(() => p.kill('SIGKILL'))])
    }
    rmSync(this.dir, { recursive: true, force: true })
  }

  // abandon is stop for when there is no time to wait.
  abandon() {
    if (this.#process?.exitCode === null) this.#process.kill('SIGKILL')
    rmSync(this.dir, { recursive: true, force: true })
  }
}

class System {
  constructor(dir, config) {
    this.dir = dir
    this.config = config
    this.urn = `urn:sluss:agency:${config.agency}`
  }

  path(name) {
    return join(this.dir, name)
  }

  #args(command, ...args) {
    return ['message', command, '--config', this.path('client.json'), '--json', ...args]
  }

  async seal(draft) {
    return JSON.parse(await must(this.#args('seal'), JSON.stringify(draft))).token
  }

  async send(token) {
    return JSON.parse(await must(this.#args('send'), token))
  }

  async state(statement) {
    return JSON.parse(await must(this.#args('state'), JSON.stringify(statement)))
  }

  // collect polls and returns each message as gatewayctl opened it and as it
  // came: {opened, stored, file}.
  async collect(role) {
    const inbox = mkdtempSync(this.path('inbox-'))
    const batch = JSON.parse(await must(this.#args('poll', '--role', role, '--wait', '0s', '--out', inbox, '--ack')))
    return readdirSync(inbox).map((name) => {
      const file = join(inbox, name)
      const stored = JSON.parse(readFileSync(file, 'utf8'))
      return { file, stored, opened: batch.messages.find((m) => m.delivery === stored.delivery) }
    })
  }

  async open(file) {
    return JSON.parse(await must(this.#args('open', file)))
  }

  // call makes a request from Node over mutual TLS 1.3.
  call(method, path, { body, type } = {}) {
    const url = new URL(path, this.config.url)
    const options = {
      method,
      agent: false,
      minVersion: 'TLSv1.3',
      cert: readFileSync(this.path('tls.pem')),
      key: readFileSync(this.path('tls.key')),
      ca: readFileSync(this.path('gateways.pem')),
      allowPartialTrustChain: true, // the anchor is the authority of gateways, not the root above it
      timeout: 15_000,
      headers: type ? { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) } : {},
    }
    return new Promise((resolve, reject) => {
      const req = httpsRequest(url, options, (res) => {
        let text = ''
        res.setEncoding('utf8').on('data', (s) => (text += s))
        res.on('error', reject).on('end', () => resolve({ status: res.statusCode, type: res.headers['content-type'], text }))
      })
      req.on('timeout', () => req.destroy(new Error('no answer'))).on('error', reject).end(body)
    })
  }

  // fetch is GET of a JSON document.
  async fetch(path) {
    const { status, text } = await this.call('GET', path)
    if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${text}`)
    return JSON.parse(text)
  }
}
