# An order as the webhooks of a shop system in the manner of Shopify tell it. How often a line repeats
# stands in its properties under "frequency", what pays in the order's note attributes under
# "payment_token". Prices are decimal texts in the order's currency, which has cents.
def attribute($name): [.note_attributes // [] | .[] | select(.name == $name) | .value] | first;
def property($name): [.properties // [] | .[] | select(.name == $name) | .value] | first;
def lines: .line_items | if length > 0 then . else error("the payload has no line_items") end;

{
  external_id: (.id | required("id") | tostring),
  occurred_at: (.updated_at // .created_at),
  customer: (.customer | {
    reference: (.id | required("customer id") | tostring),
    email: (.email | required("e-mail of the customer")),
    name: ([.first_name, .last_name] | map(given) | join(" ") | if . == "" then null else . end),
  } | compact),
  payment_source: (attribute("payment_token") | if . then {payment_source_token: .} else null end),
  order: {
    currency_code: .currency,
    line_items: [lines[] | {
      sku_code: (.name as $name | .sku | required("sku of the line \($name)")),
      quantity,
      unit_amount_cents: (.price | minor_units(2)),
      frequency: property("frequency"),
      reference: (.id | tostring),
    } | compact],
    metadata: {name, tags: (.tags // "" | split(",") | map(trim | given))},
    _create_subscriptions: any(lines[]; property("frequency") != null),
    _place: true,
  },
} | compact
