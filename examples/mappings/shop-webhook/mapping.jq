# An order as the webhooks of a shop system in the manner of Shopify tell it. How often a line repeats
# stands in its properties under "frequency", what pays in the order's note attributes under
# "payment_token". Prices are decimal texts in the order's currency, which has cents.
def attribute($name): [.note_attributes // [] | .[] | select(.name == $name) | .value] | first;
def property($name): [.properties // [] | .[] | select(.name == $name) | .value] | first;

{
  external_id: (.id | required("id") | tostring),
  occurred_at: (.updated_at // .created_at),
  customer: (.customer | {
    reference: (.id | required("customer id") | tostring),
    email: (.email | required("e-mail of the customer")),
    name: ([.first_name, .last_name] | map(given) | join(" ") | given),
  }),
  payment_source: (attribute("payment_token") | if . then {payment_source_token: .} else null end),
  order: {
    currency_code: .currency,
    line_items: [.line_items[] | {
      sku_code: (.name as $name | .sku | required("sku of the line \($name)")),
      quantity,
      unit_amount_cents: (.price | minor_units(2)),
      frequency: property("frequency"),
      reference: (.id | tostring),
    } | compact],
    metadata: {name, tags: (.tags // "" | split(",") | map(trim | given))},
    _create_subscriptions: any(.line_items[]; property("frequency") != null),
    _place: true,
  },
} | compact
