//! Addresses: where orders go, and where their bills go.

use perennial_domain::{country::is_country, ids::AddressId, order::Addresses};
use perennial_store::{Part, Record};
use serde_json::{Map, Value, json};

use super::{
    CREATED_AT, UPDATED_AT,
    catalog::{
        Catalog, Change, METADATA, Need, REFERENCE, REFERENCE_ORIGIN, done, load_related, text,
    },
    tags::{ADD_TAGS, REMOVE_TAGS, TAGS},
};
use crate::http::{
    attributes::{Attribute, Attributes, Kind, joined},
    context::Context,
    document::{Document, Related},
    error::{Code, Outcome, Problem, Problems},
    object::{Relationship, ResourceType},
};

/// The lines of an address: what stays the same from when it is locked.
pub(crate) const LINES: [Attribute; 16] = [
    Attribute::write("business", Kind::Boolean, "Whether it is a company's; false unless given."),
    Attribute::write("first_name", Kind::Text(200), "First name."),
    Attribute::write("last_name", Kind::Text(200), "Last name."),
    Attribute::write("company", Kind::Text(200), "The company's name."),
    Attribute::write("line_1", Kind::Text(200), "Street and number."),
    Attribute::write("line_2", Kind::Text(200), "What else leads to the door."),
    Attribute::write("city", Kind::Text(200), "City."),
    Attribute::write("zip_code", Kind::Text(20), "Postal code."),
    Attribute::write("state_code", Kind::Text(10), "State or province."),
    Attribute::write("country_code", Kind::Text(2), "Country, by its two letters in ISO 3166-1."),
    Attribute::write("lat", Kind::Degrees(90), "Latitude, in degrees north."),
    Attribute::write("lng", Kind::Degrees(180), "Longitude, in degrees east."),
    Attribute::write("phone", Kind::Text(50), "Telephone number."),
    Attribute::write("email", Kind::Text(254), "E-mail address."),
    Attribute::write("notes", Kind::Text(1_000), "What the courier should know."),
    Attribute::write("billing_info", Kind::Text(200), "What bills must bear, such as a tax id."),
];

const ATTRIBUTES: [Attribute; 27] = joined(
    &LINES,
    &[
        Attribute::read("full_name", Kind::Text(401), "First and last name."),
        Attribute::read("full_address", Kind::Text(1_000), "All of it in one line."),
        Attribute::read("name", Kind::Text(1_500), "Who and where, in one line."),
        Attribute::read(LOCKED_AT, Kind::Instant, "Since when its lines can't be changed."),
        ADD_TAGS,
        REMOVE_TAGS,
        REFERENCE,
        REFERENCE_ORIGIN,
        METADATA,
        CREATED_AT,
        UPDATED_AT,
    ],
);

pub(crate) static KIND: ResourceType = ResourceType {
    name: "addresses",
    singular: "address",
    about: "A postal address. Once an order with it is placed, or a subscription goes there, it keeps \
            its lines: what was sent where stays true.",
    attributes: &ATTRIBUTES,
    relationships: &[TAGS],
};

/// Since when an order or subscription has gone by it.
pub(crate) const LOCKED_AT: &str = "locked_at";

pub(crate) static CATALOG: Catalog = Catalog {
    required: &["line_1", "city", "country_code"],
    defaults: || json!({"business": false}),
    settle: |_, change| {
        check_country(change);
        refuse_locked(change);
        done()
    },
    show: describe,
    refuse_deletion: |_, address| {
        let at = text(address, LOCKED_AT)?;
        let id = text(address, "id").unwrap_or_default();
        let detail = format!(
            "address {id} can't be deleted: since {at} an order or subscription tells by it where \
             goods went"
        );
        Some(Problem::new(Code::InUse, detail).with(LOCKED_AT, at))
    },
    needed_by: &[
        Need::of("orders", "O", "addresses").but_not(&["cancelled"]),
        Need::of("order_subscriptions", "S", "addresses"),
    ],
    on_update: "Once it is locked, only tags, reference and metadata change.",
    ..Catalog::new(&KIND, "A", Part::Record("address"), "adr_")
};

/// Where the goods of an order or subscription go.
pub(crate) const SHIPPING: Relationship = Relationship::optional("shipping_address", KIND.name);
/// Where its bill goes.
pub(crate) const BILLING: Relationship = Relationship::optional("billing_address", KIND.name);

/// What a client says of the addresses of an order or subscription.
#[derive(Debug)]
pub(crate) struct AddressChange {
    shipping: Related<AddressId>,
    billing: Related<AddressId>,
}

impl AddressChange {
    /// Reads it from a document.
    pub(crate) fn read(document: &Document, problems: &mut Problems) -> Self {
        Self {
            shipping: document.related(SHIPPING.name, problems),
            billing: document.related(BILLING.name, problems),
        }
    }

    /// Whether it says anything.
    pub(crate) fn is_given(&self) -> bool {
        self.shipping != Related::Absent || self.billing != Related::Absent
    }

    /// The addresses that it shall have, where it has `before`. New ones must exist.
    pub(crate) async fn of(
        &self,
        context: &Context<'_>,
        before: &Addresses,
        problems: &mut Problems,
    ) -> Outcome<Addresses> {
        let mut after = before.clone();
        let Addresses { shipping, billing } = &mut after;
        for (relationship, given, address) in
            [(&SHIPPING, &self.shipping, shipping), (&BILLING, &self.billing, billing)]
        {
            match given {
                Related::Absent => {}
                Related::Nothing => *address = None,
                Related::To(id) => {
                    load_related(context, relationship, &[id.to_string()], problems).await?;
                    *address = Some(id.clone());
                }
            }
        }
        Ok(after)
    }
}

fn check_country(change: &mut Change) {
    if let Some(detail) = change.text("country_code").and_then(no_country) {
        change.refuse("country_code", Code::InvalidValue, detail);
    }
}

/// What is told of a code that is no country's.
fn no_country(code: &str) -> Option<String> {
    (!is_country(code)).then(|| {
        format!(
            "country_code must be two capital letters of ISO 3166-1, such as \"DE\", not {code:?}"
        )
    })
}

/// Reads the lines of an address that stands within something else, by the rules of addresses.
pub(crate) fn read_lines(mut fields: Attributes, problems: &mut Problems) -> Option<Record> {
    let mut lines = Record::new();
    let mut complete = true;
    for Attribute { name, .. } in &LINES {
        let value: Option<Value> = if CATALOG.required.contains(name) {
            let given = fields.required(name, problems);
            complete &= given.is_some();
            given
        } else {
            fields.optional(name, problems).value()
        };
        lines.extend(value.map(|value| ((*name).to_owned(), value)));
    }
    if let Some(detail) = text(&lines, "country_code").and_then(no_country) {
        let problem = Problem::new(Code::InvalidValue, detail).at(fields.pointer("country_code"));
        problems.add(problem.with("value", lines.get("country_code").cloned()));
        return None;
    }
    if let Value::Object(defaults) = (CATALOG.defaults)() {
        for (name, value) in defaults {
            lines.entry(name).or_insert(value);
        }
    }
    complete.then_some(lines)
}

fn refuse_locked(change: &mut Change) {
    let Some(at) = text(&change.before, LOCKED_AT).map(str::to_owned) else { return };
    for Attribute { name, .. } in LINES {
        if change.before.get(name) != change.after.get(name) {
            let detail = format!(
                "{name} can't be changed: an order or subscription has gone by this address since \
                 {at}; make a new address, and point the subscription at it"
            );
            change.refuse(name, Code::InvalidStatus, detail);
        }
    }
}

/// The one-line forms.
fn describe(address: &Record, attributes: &mut Map<String, Value>) {
    let joined = |names: &[&str], by: &str| {
        let parts: Vec<&str> = names.iter().filter_map(|name| text(address, name)).collect();
        parts.join(by)
    };
    let place = joined(&["zip_code", "city", "state_code"], " ");
    let street = joined(&["line_1", "line_2"], " ");
    let country = joined(&["country_code"], "");
    let person = joined(&["first_name", "last_name"], " ");
    let full_address = format!("{street}, {place} ({country})");
    let company =
        text(address, "company").filter(|_| address.get("business") == Some(&json!(true)));
    let who = company.unwrap_or(&person);
    let name = if who.is_empty() { full_address.clone() } else { format!("{who}, {full_address}") };
    attributes.insert("full_name".to_owned(), json!(Some(&person).filter(|name| !name.is_empty())));
    attributes.insert("full_address".to_owned(), json!(full_address));
    attributes.insert("name".to_owned(), json!(name));
}
