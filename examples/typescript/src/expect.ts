// What is expected, and what is told when it isn't so.

import { CommerceLayerStatic } from '@commercelayer/sdk'

/** An expectation that did not come true. */
export class Unexpected extends Error {}

/** Fails unless the two are the same, as JSON. Prints what was found. */
export function expect(what: string, found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Unexpected(`${what} is ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`)
  }
  console.log(`  ${what}: ${show(found)}`)
}

/** The value, unless there is none. */
export function given<T>(what: string, value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Unexpected(`there is no ${what}`)
  return value
}

/** Asks until the answer is there; fails after ten seconds. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  for (let patience = 100; patience > 0; patience--) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Unexpected(`${what} did not happen within ten seconds`)
}

/** Fails unless the request is refused with this code. */
export async function refused(what: string, code: string, request: Promise<unknown>): Promise<void> {
  try {
    await request
  } catch (error) {
    if (!CommerceLayerStatic.isApiError(error)) throw error
    const codes = error.errors.map((each: { code?: string }) => each.code)
    if (!codes.includes(code)) throw error
    console.log(`  ${what}: refused, ${error.first().detail}`)
    return
  }
  throw new Unexpected(`${what} was not refused`)
}

/** Why something failed, for people. */
export function reason(error: unknown): string {
  if (CommerceLayerStatic.isApiError(error)) {
    return `${error.status} ${JSON.stringify(error.errors, null, 2)}`
  }
  if (error instanceof Unexpected) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
