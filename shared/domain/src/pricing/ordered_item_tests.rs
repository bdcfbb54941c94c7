use std::error::Error;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    item: OrderedItem,
    quantity: u32,
}

fn bundle() -> OrderedItem {
    let part = |code: &str, quantity| Component { sku_code: code.to_owned(), quantity };
    OrderedItem::Bundle {
        bundle_code: "BREAKFAST".to_owned(),
        components: vec![part("BEANS", 2), part("MUG", 1)],
    }
}

#[test]
fn each_kind_stands_under_names_of_its_own_within_a_line() -> TestResult {
    let adjustment_id: AdjustmentId = "adj_1".parse()?;
    for (item, written) in [
        (OrderedItem::sku("BEANS"), json!({"sku_code": "BEANS", "quantity": 3})),
        (
            bundle(),
            json!({
                "bundle_code": "BREAKFAST",
                "components": [
                    {"sku_code": "BEANS", "quantity": 2},
                    {"sku_code": "MUG", "quantity": 1},
                ],
                "quantity": 3,
            }),
        ),
        (
            OrderedItem::Adjustment { adjustment_id },
            json!({"adjustment_id": "adj_1", "quantity": 3}),
        ),
    ] {
        let line = Line { item, quantity: 3 };
        assert_eq!(serde_json::to_value(&line)?, written);
        assert_eq!(serde_json::from_value::<Line>(written)?, line);
    }
    Ok(())
}

#[test]
fn a_line_that_orders_nothing_is_refused() {
    assert!(serde_json::from_value::<Line>(json!({"quantity": 3})).is_err());
}

#[test]
fn bundles_hold_their_components_as_often_as_they_are_ordered() -> TestResult {
    assert_eq!(OrderedItem::sku("TEA").units(3), [("TEA", 3)]);
    assert_eq!(bundle().units(3), [("BEANS", 6), ("MUG", 3)]);
    let adjustment = OrderedItem::Adjustment { adjustment_id: "adj_1".parse()? };
    assert_eq!(adjustment.units(3), []);
    assert_eq!(bundle().sku_codes(), ["BEANS", "MUG"]);
    Ok(())
}

#[test]
fn each_kind_is_named_as_clients_name_its_resource_and_tells_its_own_code_only() -> TestResult {
    let adjustment_id: AdjustmentId = "adj_1".parse()?;
    let adjustment = OrderedItem::Adjustment { adjustment_id: adjustment_id.clone() };
    for (item, item_type, code, sku, bundle, adjustment) in [
        (OrderedItem::sku("TEA"), "skus", "TEA", Some("TEA"), None, None),
        (bundle(), "bundles", "BREAKFAST", None, Some("BREAKFAST"), None),
        (adjustment, "adjustments", "adj_1", None, None, Some(&adjustment_id)),
    ] {
        assert_eq!((item.item_type(), item.code()), (item_type, code));
        let codes = (item.sku_code(), item.bundle_code(), item.adjustment_id());
        assert_eq!(codes, (sku, bundle, adjustment));
        assert_eq!(item.is_adjustment(), item_type == "adjustments");
    }
    Ok(())
}
