//! Where the goods and the bills of an imported subscription go.

use perennial_domain::ids::{AddressId, CustomerId};
use perennial_store::Record;
use serde_json::{Value, json};

use crate::{
    api::addresses::{LINES, LOCKED_AT, read_lines},
    http::{
        attributes::{Attribute, Attributes, Given, Kind},
        error::Problems,
    },
};

/// What a row says of where goods go.
pub(super) const SHIPPING: Attribute = Attribute::create(
    "shipping_address",
    Kind::Members(&LINES),
    "Where its goods go, by the attributes of addresses: an address is made of it.",
);
/// What a row says of where bills go.
pub(super) const BILLING: Attribute = Attribute::create(
    "billing_address",
    Kind::Members(&LINES),
    "Where its bills go, as `shipping_address`. The same lines of the same customer are one address.",
);

/// Where goods and bills go, by their lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub(super) shipping: Option<Record>,
    pub(super) billing: Option<Record>,
}

impl Places {
    /// Reads them from a row.
    pub(super) fn read(fields: &mut Attributes, problems: &mut Problems) -> Self {
        let mut place = |name: &str| match fields.object(name, &LINES, problems) {
            Given::Absent | Given::Null => None,
            Given::Value(lines) => read_lines(lines, problems),
        };
        Self { shipping: place(SHIPPING.name), billing: place(BILLING.name) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.shipping.iter().chain(&self.billing)
    }
}

/// The id of a customer's address with these lines: who has it already keeps it.
pub(super) fn address_of(customer: &CustomerId, lines: &Record) -> AddressId {
    AddressId::derived(&["import", customer.as_str(), &Value::Object(lines.clone()).to_string()])
}

/// The members of a new address: a subscription goes by it from the beginning, so its lines stay.
pub(super) fn members(id: &AddressId, lines: &Record, now: chrono::DateTime<chrono::Utc>) -> Value {
    let mut members = lines.clone();
    members.insert("id".to_owned(), json!(id));
    members.insert(LOCKED_AT.to_owned(), json!(now));
    Value::Object(members)
}
