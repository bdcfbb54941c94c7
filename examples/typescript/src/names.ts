// Compares what the published client library declares with what a running Perennial serves: a name that
// isn't served must be told by docs/public-api.md, and nothing may be told there that is.
//
//   npm run names -- http://127.0.0.1:3000 ../../docs/public-api.md

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

type Names = Set<string>

/** By resource type, the names that can be read, and given when one is made or changed. */
type Resources = Map<string, { read: Names; create: Names; update: Names }>

/**
 * What is not served at all, and what is, but not everywhere that the library declares it. On the page,
 * `*` in a name is any text.
 */
interface Missing {
  absent: Names
  inPart: Names
}

/** Told for every resource. */
const EVERYWHERE = 'all'

/** What the library declares, by the syntax of its declarations. */
function declared(): Resources {
  const library = dirname(fileURLToPath(import.meta.resolve('@commercelayer/sdk')))
  const interfaces = new Map<string, Names>()
  const types = new Map<string, string>()
  const classes = new Map<string, string>()
  for (const file of readdirSync(library).filter((name) => /^api-.*\.d\.ts$/.test(name))) {
    const text = readFileSync(join(library, file), 'utf8')
    ts.createSourceFile(file, text, ts.ScriptTarget.ES2022).forEachChild((node) => {
      if (ts.isInterfaceDeclaration(node)) {
        const names = node.members.flatMap((member) =>
          member.name !== undefined && ts.isIdentifier(member.name) ? [member.name.text] : [],
        )
        interfaces.set(node.name.text, new Set(names.filter((name) => name !== 'type')))
      } else if (ts.isTypeAliasDeclaration(node) && ts.isLiteralTypeNode(node.type)) {
        if (ts.isStringLiteral(node.type.literal)) types.set(node.name.text, node.type.literal.text)
      } else if (ts.isClassDeclaration(node)) {
        const resource = node.heritageClauses?.[0]?.types[0]?.typeArguments?.[0]
        if (resource !== undefined && ts.isTypeReferenceNode(resource)) {
          const name = resource.typeName
          if (ts.isIdentifier(name)) classes.set(name.text, `${name.text}Type`)
        }
      }
    })
  }
  const resources: Resources = new Map()
  for (const [resource, alias] of classes) {
    const type = types.get(alias)
    const read = interfaces.get(resource)
    if (type === undefined || read === undefined) continue
    const given = (what: string): Names => interfaces.get(`${resource}${what}`) ?? new Set()
    resources.set(type, { read, create: given('Create'), update: given('Update') })
  }
  return resources
}

/** What the OpenAPI document of a stack tells of the same. */
async function served(url: string): Promise<Resources> {
  const answer = await fetch(`${url}/api/openapi.json`)
  if (!answer.ok) throw new Error(`${url}/api/openapi.json: ${answer.status}`)
  const { components } = (await answer.json()) as { components: { schemas: Record<string, unknown> } }
  const fields = (schema: unknown): Names =>
    new Set([...keysWithin(schema, 'attributes'), ...keysWithin(schema, 'relationships')])
  const resources: Resources = new Map()
  for (const [name, schema] of Object.entries(components.schemas)) {
    if (!(`${name}_document` in components.schemas)) continue
    const create = fields(components.schemas[`${name}_create`])
    const update = fields(components.schemas[`${name}_update`])
    resources.set(name, { read: fields(schema), create, update })
  }
  return resources
}

/** The names of the properties of the first property `name` within a schema. */
function keysWithin(schema: unknown, name: string): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const { properties } = schema as { properties?: Record<string, { properties?: object }> }
  const found = properties?.[name]?.properties
  if (found !== undefined) return Object.keys(found)
  for (const part of Object.values(schema)) {
    const deeper = keysWithin(part, name)
    if (deeper.length > 0) return deeper
  }
  return []
}

/** What the page tells: rows of type, what is absent, what is there in part, and why. A type may have several. */
function told(page: string): Map<string, Missing> {
  const rows = new Map<string, Missing>()
  const names = (cell: string | undefined): Names =>
    new Set([...(cell ?? '').matchAll(/`([\w*]+)`/g)].map((match) => match[1] ?? ''))
  for (const line of readFileSync(page, 'utf8').split('\n')) {
    const [, type, absent, inPart, ...rest] = line.split('|').map((cell) => cell.trim())
    if (type === undefined || !/^`\w+`$/.test(type) || rest.length === 0) continue
    const row = rows.get(type.slice(1, -1)) ?? { absent: new Set(), inPart: new Set() }
    for (const name of names(absent)) row.absent.add(name)
    for (const name of names(inPart)) row.inPart.add(name)
    rows.set(type.slice(1, -1), row)
  }
  return rows
}

function without(all: Names, some: Names): string[] {
  return [...all].filter((name) => !some.has(name))
}

function isLike(name: string, pattern: string): boolean {
  return new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name)
}

/** Says what differs between the names that are missing and those that are told to be. */
function compare(type: string, what: string, missing: Names, told: Names | undefined): string[] {
  const patterns = [...(told ?? [])]
  const untold = [...missing].filter((name) => !patterns.some((pattern) => isLike(name, pattern)))
  const stale = patterns.filter((pattern) => ![...missing].some((name) => isLike(name, pattern)))
  return [
    ...untold.map((name) => `${type}: ${name} ${what}, and ${page} does not say so`),
    ...stale.map((name) => `${type}: ${page} says that ${name} ${what}`),
  ]
}

const [url = 'http://127.0.0.1:3000', page = '../../docs/public-api.md'] = process.argv.slice(2)
const [library, perennial, rows] = [declared(), await served(url), told(page)]
const everywhere = [...(rows.get(EVERYWHERE)?.absent ?? [])]
const wrong: string[] = []
let compared = 0
for (const [type, names] of library) {
  const own = perennial.get(type)
  if (own === undefined) continue
  compared += 1
  const absent: Names = new Set()
  const inPart: Names = new Set()
  const has = (name: string): boolean =>
    own.read.has(name) || own.create.has(name) || own.update.has(name)
  const missing = [
    ...without(names.read, own.read),
    // Where a resource can't be made or changed at all, docs/api.md tells.
    ...(own.create.size > 0 ? without(names.create, own.create) : []),
    ...(own.update.size > 0 ? without(names.update, own.update) : []),
  ]
  for (const name of missing) {
    if (everywhere.some((pattern) => isLike(name, pattern))) continue
    if (has(name)) inPart.add(name)
    else absent.add(name)
  }
  const row = rows.get(type)
  wrong.push(...compare(type, 'is not served', absent, row?.absent))
  wrong.push(...compare(type, 'is served in part only', inPart, row?.inPart))
}
for (const type of rows.keys()) {
  if (type !== EVERYWHERE && !(library.has(type) && perennial.has(type))) {
    wrong.push(`${page} tells of ${type}, which is not on both sides`)
  }
}
console.log(`${compared} resources compared with the library's declarations`)
if (compared === 0) wrong.push('nothing was compared: have the declarations moved?')
for (const line of wrong) console.error(line)
process.exitCode = wrong.length === 0 ? 0 : 1
