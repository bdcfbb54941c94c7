//! The order says where it goes, and that is where the market delivers to.

use super::{Facts, Found, Setting};
use crate::ids::AddressId;

pub(super) fn check(facts: &Facts<'_>, setting: &Setting) -> Found {
    let mut found = Found::default();
    let addresses = &facts.context.order.addresses;
    let shipping = ("shipping", &addresses.shipping, setting.shipping_required);
    let billing = ("billing", &addresses.billing, setting.billing_required);
    for (name, address, required) in [shipping, billing] {
        let pointer = format!("/data/relationships/{name}_address");
        match address {
            None if required == Some(true) => {
                found.finding("address_missing", pointer, format!("a {name} address is required"));
            }
            None => {}
            Some(id) => country(facts, setting, (name, id), pointer, &mut found),
        }
    }
    found
}

fn country(
    facts: &Facts<'_>,
    setting: &Setting,
    (name, id): (&str, &AddressId),
    pointer: String,
    found: &mut Found,
) {
    let Some(country) = facts.countries.get(id) else {
        let detail = format!("there is no address {id}");
        return found.finding("address_missing", pointer, detail);
    };
    found.number(&format!("{name}_country"), country);
    let Some(served) = setting.countries.as_ref().filter(|served| !served.contains(country)) else {
        return;
    };
    let detail = format!(
        "the {name} address is in {country}; market {} serves: {}",
        facts.context.order.market_id,
        served.join(", ")
    );
    found.finding("country_not_served", pointer, detail);
}
