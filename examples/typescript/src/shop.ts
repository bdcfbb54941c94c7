// A shop to begin with: a subscription model, a market with a price list, two products, and a
// customer who can pay.

import type { Customer, CustomerPaymentSource, Market, MarketCreate, SkuCreate } from '@commercelayer/sdk'
import type { CommerceLayerBundle } from '@commercelayer/sdk/bundle'

export interface Shop {
  readonly market: Market
  readonly customer: Customer
  readonly wallet: CustomerPaymentSource
}

/** Opens a shop. `suffix` keeps codes and addresses apart when it is opened again. */
export async function open(cl: CommerceLayerBundle, suffix: string): Promise<Shop> {
  const model = await cl.subscription_models.create({
    name: 'Coffee, as often as you like',
    strategy: 'by_frequency',
    frequencies: ['weekly', 'monthly', 'three-month'],
    auto_activate: true,
  })
  const prices = await cl.price_lists.create({ name: 'Europe', currency_code: 'EUR' })
  // The library's types require a merchant, an inventory model and shipping categories. Perennial
  // has none, takes whatever is given and leaves it alone.
  const market: MarketCreate & { currency_code: string; time_zone: string } = {
    name: 'Europe',
    currency_code: 'EUR',
    time_zone: 'Europe/Berlin',
    merchant: cl.merchants.relationship('none'),
    price_list: cl.price_lists.relationship(prices.id),
    inventory_model: cl.inventory_models.relationship('none'),
    subscription_model: cl.subscription_models.relationship(model.id),
  }
  // The price of a sku itself holds where no price list says another.
  const beans: SkuCreate & { unit_amount_cents: number; currency_code: string } = {
    code: `BEANS-${suffix}`,
    name: 'Coffee beans, 1 kg',
    unit_amount_cents: 2190,
    currency_code: 'EUR',
    shipping_category: cl.shipping_categories.relationship('none'),
  }
  const filters = { ...beans, code: `FILTERS-${suffix}`, name: '100 paper filters', unit_amount_cents: 450 }
  const { id } = await cl.skus.create(beans)
  await cl.prices.create({
    amount_cents: 1890,
    sku: cl.skus.relationship(id),
    price_list: cl.price_lists.relationship(prices.id),
  })
  await cl.skus.create(filters)
  const customer = await cl.customers.create({ email: `ada-${suffix}@example.com` })
  const wallet = await cl.customer_payment_sources.create({
    payment_source_token: 'tok_paid',
    customer: cl.customers.relationship(customer.id),
  })
  return { market: await cl.markets.create(market), customer, wallet }
}
