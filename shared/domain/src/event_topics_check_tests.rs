//! Which topics a webhook may have, and what is suggested in place of others.

use super::*;

#[test]
fn a_topic_may_be_one_all_of_a_resource_or_everything() {
    for topic in ["*", "orders.*", "payments.*", "orders.place", "order_copies.complete"] {
        assert_eq!(check(topic), Ok(()), "{topic}");
    }
}

#[test]
fn an_unknown_topic_is_refused_and_what_is_near_is_named() {
    for (given, nearest) in [
        ("order_subscription.create", "order_subscriptions.create"),
        ("orders.placed", "orders.place"),
        ("order.*", "orders.*"),
        ("Orders.Place", "orders.place"),
    ] {
        let error = check(given).unwrap_err();
        assert_eq!(error.near.first().map(String::as_str), Some(nearest), "{error}");
        assert!(error.to_string().contains(given) && error.to_string().contains(nearest));
    }
    let error = check("shipments").unwrap_err();
    assert!(error.near.len() <= 5);
    // Every name has more bytes than these, and more than half of it would have to be made up.
    let error = check("xyz").unwrap_err();
    assert_eq!(error.to_string(), "there is no topic \"xyz\"");
    for odd in ["", ".*", "**", "*.*", "orders.", "orders"] {
        assert!(check(odd).is_err(), "{odd:?} was accepted");
    }
}

#[test]
fn the_distance_of_texts_counts_edits() {
    for (a, b, expected) in
        [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2)]
    {
        assert_eq!(distance(a, b), expected, "{a} {b}");
    }
}
