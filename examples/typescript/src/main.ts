// Subscriptions from an order to its renewals, through the published client library.
//
//   npm ci && npm start            # against http://127.0.0.1:3000, where `cargo run` serves
//   npm start -- http://127.0.0.1:4000
//
// Every step says what it expects. The first that goes otherwise ends the program with a 1.

import type { LineItemCreate, Order, OrderSubscription } from '@commercelayer/sdk'
import type { CommerceLayerBundle } from '@commercelayer/sdk/bundle'

import { eventually, expect, given, reason, refused } from './expect.js'
import { open, type Shop } from './shop.js'
import { connect, letPass, type Stack } from './stack.js'

async function main(stack: Stack): Promise<void> {
  const suffix = Date.now().toString(36).toUpperCase()
  const cl = await connect(stack)

  tell('A shop: model, market, products, customer, payment source')
  const shop = await open(cl, suffix)

  tell('An order: beans every month, filters every week')
  const order = await place(cl, shop, suffix)

  tell('Its subscriptions, one for each frequency')
  const [weekly, monthly] = await subscribe(cl, order)

  tell('Another frequency')
  await changeFrequency(cl, monthly)

  tell('A pause')
  await pause(cl, weekly)

  tell('Two weeks later')
  await letPass(stack, 'P15D')
  await readRuns(cl, weekly)

  tell('The end of one, while the other goes on')
  await cancel(cl, weekly)
  await letPass(stack, 'P3M')
  await readRuns(cl, monthly)
  await seeNothingNew(cl, weekly)

  tell('A subscription by hand, and a copy')
  await subscribeByHand(cl, shop, suffix)
}

/** Makes an order of two lines that repeat. */
async function place(cl: CommerceLayerBundle, shop: Shop, suffix: string): Promise<string> {
  const placed = await placeOrder(cl, shop, [
    { sku_code: `BEANS-${suffix}`, quantity: 2, frequency: 'monthly' },
    { sku_code: `FILTERS-${suffix}`, quantity: 1, frequency: 'weekly' },
  ])
  expect('status', placed.status, 'placed')
  expect('paid', placed.payment_status, 'paid')
  expect('total', placed.total_amount_cents, 2 * 1890 + 450)
  expect('lines', placed.line_items?.map((line) => `${line.quantity} x ${line.name}`), [
    '2 x Coffee beans, 1 kg',
    '1 x 100 paper filters',
  ])
  expect('market', placed.market?.name, 'Europe')
  return placed.id
}

/** Makes an order and has it placed: it is validated and paid a moment later. */
async function placeOrder(cl: CommerceLayerBundle, shop: Shop, lines: Line[]): Promise<Order> {
  const { id } = await cl.orders.create({
    market: cl.markets.relationship(shop.market.id),
    customer: cl.customers.relationship(shop.customer.id),
  })
  for (const line of lines) await cl.line_items.create({ ...line, order: cl.orders.relationship(id) })
  await cl.orders.update({ id, _customer_payment_source_id: shop.wallet.id })
  await cl.orders._place(id)
  return eventually('placing the order', async () => {
    const order = await cl.orders.retrieve(id, { include: ['line_items', 'market'] })
    return order.status === 'placed' ? order : undefined
  })
}

type Line = Pick<LineItemCreate, 'sku_code' | 'quantity' | 'frequency'>

/** Makes the subscriptions of a placed order, and finds them with filters and what belongs to them. */
async function subscribe(
  cl: CommerceLayerBundle,
  order: string,
): Promise<[OrderSubscription, OrderSubscription]> {
  await cl.orders._create_subscriptions(order)
  const found = await cl.order_subscriptions.list({
    filters: { source_order_id_eq: order, status_in: ['active', 'running'] },
    include: ['customer', 'order_subscription_items', 'source_order'],
    sort: { created_at: 'asc' },
    pageSize: 10,
  })
  expect('how many', found.meta.recordCount, 2)
  const weekly = given('weekly subscription', found.find((each) => each.frequency === 'weekly'))
  const monthly = given('monthly subscription', found.find((each) => each.frequency === 'monthly'))
  for (const [subscription, code, quantity] of [
    [monthly, 'BEANS', 2],
    [weekly, 'FILTERS', 1],
  ] as const) {
    const items = subscription.order_subscription_items ?? []
    expect(
      `items, ${subscription.frequency}`,
      items.map((item) => [item.sku_code?.split('-')[0], item.quantity]),
      [[code, quantity]],
    )
    expect('  source order', subscription.source_order?.id, order)
    given('customer', subscription.customer?.email)
  }
  return [weekly, monthly]
}

/** The next run moves with the frequency, counted from the same anchor. */
async function changeFrequency(cl: CommerceLayerBundle, subscription: OrderSubscription): Promise<void> {
  const { id } = subscription
  const changed = await cl.order_subscriptions.update({ id, frequency: 'three-month' })
  expect('frequency', changed.frequency, 'three-month')
  const [before, after] = [subscription, changed].map((each) => new Date(given('next run', each.next_run_at)))
  expect('next run is later', given('date', after) > given('date', before), true)
  await cl.order_subscriptions.update({ id, frequency: 'monthly' })
}

async function pause(cl: CommerceLayerBundle, { id }: OrderSubscription): Promise<void> {
  const paused = await cl.order_subscriptions._deactivate(id)
  expect('paused', [paused.status, paused.next_run_at], ['inactive', null])
  const resumed = await cl.order_subscriptions._activate(id)
  expect('resumed', resumed.status, 'active')
  given('next run', resumed.next_run_at)
}

/** Reads the runs of a subscription, newest first, and the orders that they made. */
async function readRuns(cl: CommerceLayerBundle, { id, frequency }: OrderSubscription): Promise<void> {
  const subscription = await cl.order_subscriptions.retrieve(id)
  const runs = await cl.order_subscriptions.recurring_order_copies(id, { include: ['target_order'] })
  expect(`runs, ${frequency}`, runs.map((run) => run.status), Array(runs.length).fill('completed'))
  expect('occurrencies', subscription.occurrencies, frequency === 'weekly' ? 2 : 3)
  expect('succeeded on the last run', subscription.succeeded_on_last_run, true)
  for (const run of runs) {
    const order = await cl.recurring_order_copies.target_order(run.id, { include: ['line_items'] })
    expect('target order', [order.id, order.status, order.payment_status], [
      run.target_order?.id,
      'placed',
      'paid',
    ])
    expect('  total', order.total_amount_cents, frequency === 'weekly' ? 450 : 2 * 1890)
  }
}

async function cancel(cl: CommerceLayerBundle, { id }: OrderSubscription): Promise<void> {
  const cancelled = await cl.order_subscriptions._cancel(id)
  expect('cancelled', [cancelled.status, cancelled.next_run_at], ['cancelled', null])
  await refused('activating it again', 'invalid_status', cl.order_subscriptions._activate(id))
}

async function seeNothingNew(cl: CommerceLayerBundle, { id }: OrderSubscription): Promise<void> {
  const runs = await cl.recurring_order_copies.list({ filters: { order_subscription_id_eq: id } })
  expect('runs of the cancelled one', runs.meta.recordCount, 2)
}

/** Makes a subscription of an order that did not repeat, and copies that order once. */
async function subscribeByHand(cl: CommerceLayerBundle, shop: Shop, suffix: string): Promise<void> {
  const order = await placeOrder(cl, shop, [{ sku_code: `FILTERS-${suffix}`, quantity: 3 }])
  const source_order = cl.orders.relationship(order.id)
  const subscription = await cl.order_subscriptions.create({ frequency: 'monthly', source_order })
  expect('made', subscription.status, 'active')
  const converted = await cl.order_subscriptions._convert(subscription.id)
  expect('converted', converted.status, 'active')

  const { id } = await cl.order_copies.create({ place_target_order: true, reuse_wallet: true, source_order })
  const copy = await eventually('copying the order', async () => {
    const copy = await cl.order_copies.retrieve(id, { include: ['target_order'] })
    return copy.status === 'completed' ? copy : undefined
  })
  const { target_order: target } = copy
  expect('copied', [target?.status, target?.payment_status], ['placed', 'paid'])
  expect('  total', target?.total_amount_cents, 3 * 450)
}

function tell(what: string): void {
  console.log(`\n${what}`)
}

const stack = { url: process.argv[2] ?? 'http://127.0.0.1:3000', organization: 'example' }
try {
  await main(stack)
  console.log('\nAll as expected.')
} catch (error) {
  console.error(`\nerror: ${reason(error)}`)
  process.exitCode = 1
}
