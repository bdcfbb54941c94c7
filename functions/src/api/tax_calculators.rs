//! Tax calculators: what tells the taxes of a market's orders. One kind is a table of rules, the other
//! a service that is asked over HTTP.

use perennial_domain::tax::DEFAULT_TIMEOUT_MS;
use perennial_store::Part;
use serde_json::json;

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{Catalog, Change, METADATA, Need, REFERENCE, REFERENCE_ORIGIN, done},
    receivers::{ROTATE_SECRET, SHARED_SECRET, check_url, hide_secret, reveal_secret, take_secret},
};
use crate::http::{
    attributes::{Attribute, Kind},
    error::{Code, Problem},
    object::{Relationship, ResourceType},
};

const URL: &str = "tax_calculator_url";
const FALLBACK: &str = "fallback_tax_calculator";

pub(crate) static MANUAL_KIND: ResourceType = ResourceType {
    name: "manual_tax_calculators",
    singular: "manual tax calculator",
    about: "A table of tax rules: of those for an order's goods, destination and day the most specific \
            wins.",
    attributes: &[
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write(
            "tax_rounding",
            Kind::Choice(&["line", "invoice"]),
            "What is rounded to minor units, halves up: the tax of each line (unless given), or each \
             rate's tax on all lines together.",
        ),
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::listed("tax_rules", "tax_rules"),
        Relationship::listed("markets", "markets"),
    ],
};

pub(super) static MANUAL: Catalog = Catalog {
    required: &["name"],
    defaults: || json!({"tax_rounding": "line"}),
    needed_by: &[
        Need::of("markets", "M", "tax_calculator_id"),
        Need::of("external_tax_calculators", "TE", "fallback_tax_calculator_id"),
        Need::of("tax_rules", "TR", "manual_tax_calculator_id"),
    ],
    on_update: "Taxes that were computed before stay as they are.",
    ..Catalog::new(&MANUAL_KIND, "TC", Part::Record("manual tax calculator"), "mtc_")
};

pub(crate) static EXTERNAL_KIND: ResourceType = ResourceType {
    name: "external_tax_calculators",
    singular: "external tax calculator",
    about: "A service that computes taxes, asked over HTTP before an order is paid. docs/tax.md tells \
            what it is sent and what it answers.",
    attributes: &[
        Attribute::write("name", Kind::Text(200), "Name for people."),
        Attribute::write(
            URL,
            Kind::Text(2_000),
            "Where it is asked: https, without user and password, at a public address.",
        ),
        Attribute::write(
            "timeout_ms",
            Kind::Integer(100, 5_000),
            "How long it may take to answer, in milliseconds; 1000 unless given.",
        ),
        Attribute::write(
            "on_failure",
            Kind::Choice(&["retry", "fallback", "no_tax"]),
            "What is done where it does not answer, or answers what can't be: it is asked again later \
             and nothing is charged before (unless given), a table stands in for it, or the order bears \
             no tax.",
        ),
        SHARED_SECRET,
        ROTATE_SECRET,
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
    relationships: &[
        Relationship::optional(FALLBACK, MANUAL_KIND.name),
        Relationship::listed("markets", "markets"),
    ],
};

pub(super) static EXTERNAL: Catalog = Catalog {
    required: &["name", URL],
    defaults: || json!({"timeout_ms": DEFAULT_TIMEOUT_MS, "on_failure": "retry"}),
    take: take_secret,
    settle: |context, change| {
        check_url(context, change, URL);
        check_fallback(change);
        done()
    },
    show: |_, attributes| hide_secret(attributes),
    reveal: reveal_secret,
    needed_by: &[Need::of("markets", "M", "tax_calculator_id")],
    on_update: "Taxes that were computed before stay as they are.",
    ..Catalog::new(&EXTERNAL_KIND, "TE", Part::Record("external tax calculator"), "etc_")
};

/// What a table is to stand in for needs one.
fn check_fallback(change: &mut Change) {
    let falls_back = change.text("on_failure") == Some("fallback");
    if falls_back && change.text("fallback_tax_calculator_id").is_none() {
        let detail =
            format!("the relationship {FALLBACK} is required where on_failure is fallback");
        let at = format!("/data/relationships/{FALLBACK}");
        change.problems.add(Problem::new(Code::Required, detail).at(at));
    }
}
