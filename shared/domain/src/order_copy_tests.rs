use serde_json::json;

use super::*;

#[test]
fn copies_are_named_by_what_they_copy_and_those_of_items_are_the_default() {
    for (factory, name, is_recurring) in [
        (Factory::RecurringOrderCopies, "recurring_order_copies", true),
        (Factory::OrderCopies, "order_copies", false),
    ] {
        assert_eq!((factory.name(), json!(factory)), (name, json!(name)));
        assert_eq!(factory.is_recurring(), is_recurring, "{name}");
        assert_eq!(factory == Factory::default(), is_recurring, "{name}");
    }
}

#[test]
fn a_culprit_tells_type_and_id_and_a_sku_its_code_as_well() {
    let (sku, source) = (SkuId::of_code("TEA"), PaymentSourceId::derived(&["card"]));
    let order = OrderId::derived(&["order"]);
    for (culprit, told) in [
        (Culprit::new("orders", &order), json!({"type": "orders", "id": order})),
        (Culprit::sku(&sku, "TEA"), json!({"type": "skus", "id": sku, "code": "TEA"})),
        (
            Culprit::payment_source(&source),
            json!({"type": "customer_payment_sources", "id": source}),
        ),
    ] {
        assert_eq!(json!(culprit), told);
    }
}
