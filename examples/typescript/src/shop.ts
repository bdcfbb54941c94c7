// A shop to begin with: a subscription model, a market, two products, and a customer who can pay.

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
  // The library's types require a merchant and an inventory model. Perennial has neither, takes
  // whatever is given and leaves it alone.
  const market: Omit<MarketCreate, 'price_list'> & { currency_code: string; time_zone: string } = {
    name: 'Europe',
    currency_code: 'EUR',
    time_zone: 'Europe/Berlin',
    merchant: cl.merchants.relationship('none'),
    inventory_model: cl.inventory_models.relationship('none'),
    subscription_model: cl.subscription_models.relationship(model.id),
  }
  const beans: SkuCreate & Price = {
    code: `BEANS-${suffix}`,
    name: 'Coffee beans, 1 kg',
    unit_amount_cents: 1890,
    currency_code: 'EUR',
    shipping_category: cl.shipping_categories.relationship('none'),
  }
  const filters = { ...beans, code: `FILTERS-${suffix}`, name: '100 paper filters', unit_amount_cents: 450 }
  for (const sku of [beans, filters]) await cl.skus.create(sku)
  const customer = await cl.customers.create({ email: `ada-${suffix}@example.com` })
  const wallet = await cl.customer_payment_sources.create({
    payment_source_token: 'tok_paid',
    customer: cl.customers.relationship(customer.id),
  })
  return { market: await cl.markets.create(market as typeof market & MarketCreate), customer, wallet }
}

interface Price {
  unit_amount_cents: number
  currency_code: string
}
