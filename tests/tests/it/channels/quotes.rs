//! A file of CSV that is cut off within quotes: its rows are not lost in the field that they end in.

use perennial_tests::{Shop, TestResult};
use serde_json::json;

use super::{NOW, channel, mapping, send};

const PROGRAM: &str = "{external_id: .[0].id, order: {line_items: [.[] | {sku_code: \"BEANS\", \
    quantity: (.beans | tonumber)}], metadata: {note: .[0].note}}}";

#[tokio::test]
async fn a_quote_that_is_never_closed_is_refused_and_makes_no_order_of_what_came_before()
-> TestResult {
    let shop = Shop::open_at(NOW).await?;
    let desk = channel(&shop, "desk", json!({})).await?;
    let attributes = json!({"program": PROGRAM, "format": "csv", "group_by": "id"});
    mapping(&shop, &desk, attributes).await?;

    let cut_off = "id,beans,note\n1,1,\"on the porch\n2,1,at the door\n3,1,\n";
    let refused = send(&shop, "desk", "text/csv", cut_off).await?.with_status(422)?;
    assert_eq!(refused.errors(), ["unmappable"], "{:#}", refused.body);
    let detail = refused.text("/errors/0/detail")?;
    assert!(detail.contains("row 1 has a quote that is never closed"), "{detail}");
    assert!(shop.api.all("orders").await?.is_empty());

    let mended = cut_off.replace("porch", "porch\"");
    let made = send(&shop, "desk", "text/csv", &mended).await?.with_status(200)?;
    assert_eq!(made.body["data"].as_array().map(Vec::len), Some(3), "{:#}", made.body);
    Ok(())
}
