// How to reach a Perennial with the client library.
//
// The library makes its addresses itself: https://<organization>.<domain>/api/... Its option `fetch`
// is the way to another server: it gets every request last, and may send it elsewhere.

import { CommerceLayer, type CommerceLayerBundle } from '@commercelayer/sdk/bundle'

/** A stack, and the organization whose data is worked on. */
export interface Stack {
  /** Where it answers, without a path: `http://127.0.0.1:3000`. */
  readonly url: string
  readonly organization: string
}

/** A client that talks to this stack. */
export async function connect(stack: Stack): Promise<CommerceLayerBundle> {
  return CommerceLayer({
    organization: stack.organization,
    accessToken: await token(stack),
    fetch: async (asked, options) => {
      const { pathname, search } = new URL(asked instanceof Request ? asked.url : asked)
      return fetch(new URL(pathname + search, stack.url), options)
    },
  })
}

/** A token of the local stack's own issuer. Elsewhere, your identity provider gives it. */
async function token(stack: Stack): Promise<string> {
  const answer = await post(stack, '/local/oauth/token', {
    grant_type: 'client_credentials',
    organization: stack.organization,
    role: 'integration',
  })
  return String(answer['access_token'])
}

/** Lets time pass: `P1M` is a month. Whatever falls due on the way happens, before this returns. */
export async function letPass(stack: Stack, duration: string): Promise<void> {
  await post(stack, '/local/clock', { advance: duration })
}

async function post(stack: Stack, path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(new URL(path, stack.url), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`)
  return JSON.parse(text) as Record<string, unknown>
}
