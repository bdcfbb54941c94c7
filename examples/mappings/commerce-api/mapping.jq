# A placed order as a headless commerce API in the manner of Commerce Layer tells it: a JSON:API document
# with what belongs to the order under "included". Amounts are in minor units already.
.included as $included
| def related($type): [$included // [] | .[] | select(.type == $type)];
def lines: [related("line_items")[].attributes | select(.item_type == "skus")]
  | if length > 0 then . else error("the payload has no line_items of skus in included") end;

.data | select(.type == "orders") // error("the payload is about no order")
| {
    external_id: (.id | required("id")),
    occurred_at: (.attributes.placed_at // .attributes.updated_at),
    customer: {
      reference: (.attributes.customer_email | required("customer_email")),
      email: .attributes.customer_email,
    },
    payment_source: (related("customer_payment_sources") | first | if . then
      {payment_source_token: .attributes.payment_source_token, name: .attributes.name} | compact
      else null end),
    order: {
      currency_code: .attributes.currency_code,
      reference: (.attributes.number | tostring),
      line_items: [lines[] | {
        sku_code: (.sku_code | required("sku_code of a line")),
        quantity,
        unit_amount_cents,
        frequency,
      } | compact],
      metadata: (.attributes.metadata // {}),
      _create_subscriptions: any(lines[]; .frequency != null),
      _place: true,
    },
  }
| compact
