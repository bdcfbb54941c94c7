# Orders that a service desk takes by telephone, as its form exports them: one row for each line, those
# of one order alike in "ticket" (group_by). Prices are those of the list.
.[0] as $first
| {
    external_id: ($first.ticket | required("ticket")),
    occurred_at: $first.taken_at,
    customer: {
      reference: ($first.customer_no | required("customer_no")),
      email: ($first.email | required("email")),
    },
    payment_source: ($first.card_token | if . == "" then null else {payment_source_token: .} end),
    order: {
      line_items: [.[] | {
        sku_code: .sku,
        quantity: (.quantity | tonumber),
        frequency: (if .repeat == "" then null else .repeat end),
      } | compact],
      metadata: {taken_by: $first.agent},
      _create_subscriptions: any(.[]; .repeat != ""),
      _place: ($first.card_token != ""),
    },
  }
| compact
