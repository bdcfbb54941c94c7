use serde_json::{from_value, json, to_value};

use super::*;

#[test]
fn a_model_that_was_stored_with_what_it_needs_has_the_usual_rules()
-> Result<(), Box<dyn std::error::Error>> {
    let stored = json!({
        "id": ModelId::derived(&["model"]),
        "name": "Standard",
        "strategy": "by_frequency",
        "auto_activate": true,
        "auto_cancel": false,
        "version": 1,
        "created_at": "2026-01-31T10:00:00Z",
        "updated_at": "2026-01-31T10:00:00Z",
    });
    let model: SubscriptionModel = from_value(stored)?;
    assert_eq!(model.reactivation_days, 30);
    assert_eq!(model.price_policy, PricePolicy::Pinned);
    assert!(model.frequencies.is_empty() && model.rules.is_default() && model.cut_off.is_none());
    assert_eq!((model.catch_up, model.retry.clone()), Default::default());
    assert_eq!((model.max_occurrences, model.renewal_alert_period), (None, None));
    assert_eq!(from_value::<SubscriptionModel>(to_value(&model)?)?, model);
    Ok(())
}
