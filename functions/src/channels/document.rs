//! What a mapping makes of a message: one document, read by a table as every document is.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::digests::hex;
use crate::{
    api::orders,
    http::{
        attributes::{Attribute, Attributes, Kind, Mode},
        error::{Code, Outcome, Problem, Problems},
    },
};

/// Longest part of a document, in bytes.
const MAX_PART: usize = 256 * 1024;

const TABLE: &[Attribute] = &[
    Attribute::create("external_id", Kind::Text(200), "What the channel calls the order."),
    Attribute::create("occurred_at", Kind::Instant, "When the channel says that it happened."),
    Attribute::create(
        "order",
        Kind::Anything(MAX_PART),
        "The attributes of the order, as in POST /api/orders.",
    ),
    Attribute::create(
        "relationships",
        Kind::Anything(MAX_PART),
        "Ids of what the order refers to, by the name of the relationship.",
    ),
    Attribute::create(
        "customer",
        Kind::Anything(MAX_PART),
        "The attributes of the customer, who is made unless the channel has named them before.",
    ),
    Attribute::create(
        "payment_source",
        Kind::Anything(MAX_PART),
        "The attributes of what pays, which is made unless the channel has named it before.",
    ),
];

/// A document that a mapping has made.
#[derive(Debug)]
pub(super) struct Mapped {
    pub(super) external_id: String,
    pub(super) occurred_at: Option<DateTime<Utc>>,
    pub(super) order: Map<String, Value>,
    /// Ids by the name of the relationship.
    pub(super) relationships: Map<String, Value>,
    /// With what the channel calls them.
    pub(super) customer: Option<(String, Map<String, Value>)>,
    /// With its token.
    pub(super) payment_source: Option<(String, Map<String, Value>)>,
    /// Hash of all of it.
    pub(super) digest: String,
}

impl Mapped {
    /// Reads a document.
    ///
    /// # Errors
    /// All that keeps it from being one, with places in the document.
    pub(super) fn read(document: &Value) -> Outcome<Self> {
        let digest = hex(&[&document.to_string()]);
        let Value::Object(given) = document else {
            return Err(unmappable("the mapping made no object").at("").into());
        };
        let mut problems = Problems::default();
        let mut given = Attributes::new(TABLE, Mode::Create, given.clone(), "", &mut problems);
        let external_id: Option<String> = given.required("external_id", &mut problems);
        let occurred_at = given.optional("occurred_at", &mut problems).value();
        let order: Option<Map<String, Value>> = given.required("order", &mut problems);
        let relationships: Map<String, Value> =
            given.optional("relationships", &mut problems).value().unwrap_or_default();
        let customer = part(&mut given, "customer", "reference", &mut problems);
        let payment_source =
            part(&mut given, "payment_source", "payment_source_token", &mut problems);
        if payment_source.is_some() && customer.is_none() && !relationships.contains_key("customer")
        {
            let detail = "payment_source goes together with customer: it is somebody's";
            problems.add(unmappable(detail).at("/payment_source"));
        }
        let read = external_id.zip(order).map(|(external_id, order)| Self {
            external_id,
            occurred_at,
            order,
            relationships,
            customer,
            payment_source,
            digest,
        });
        problems.finish(read)
    }

    /// The document of POST /api/orders that it stands for.
    pub(super) fn order_document(
        &self,
        code: &str,
        market: Option<&str>,
        made: &[(&str, Option<String>)],
    ) -> Outcome<Value> {
        let mut attributes = self.order.clone();
        attributes.entry("reference").or_insert_with(|| json!(self.external_id));
        attributes.entry("reference_origin").or_insert_with(|| json!(code));
        let mut relationships = Map::new();
        let mut problems = Problems::default();
        if let Some(market) = market {
            relationships.insert("market".to_owned(), linked("markets", market));
        }
        for (name, id) in &self.relationships {
            match (orders::KIND.relationship(name), id) {
                (_, Value::Null) => {}
                (Some(relationship), Value::String(id)) if !relationship.many => {
                    relationships.insert(name.clone(), linked(relationship.to, id));
                }
                (Some(relationship), Value::Array(ids)) if relationship.many => {
                    let ids = ids.iter().map(|id| json!({"type": relationship.to, "id": id}));
                    relationships.insert(name.clone(), json!({"data": ids.collect::<Vec<_>>()}));
                }
                (Some(_), other) => {
                    let detail = format!("the relationship {name} must be an id, not {other}");
                    problems.add(unmappable(detail).at(format!("/relationships/{name}")));
                }
                (None, _) => {
                    let detail = format!("an order has no relationship {name:?}");
                    problems.add(unmappable(detail).at(format!("/relationships/{name}")));
                }
            }
        }
        for (name, id) in made {
            if let Some((id, known)) = id.as_ref().zip(orders::KIND.relationship(name)) {
                relationships.insert((*name).to_owned(), linked(known.to, id));
            }
        }
        problems.check()?;
        let (attributes, relationships) = (Value::Object(attributes), Value::Object(relationships));
        Ok(super::within::made_of(&orders::KIND, &attributes, &relationships))
    }
}

pub(super) fn linked(kind: &str, id: &str) -> Value {
    json!({"data": {"type": kind, "id": id}})
}

/// A part of a document, with the member that tells it from others.
fn part(
    given: &mut Attributes,
    name: &str,
    key: &str,
    problems: &mut Problems,
) -> Option<(String, Map<String, Value>)> {
    let part: Map<String, Value> = given.optional(name, problems).value()?;
    let Some(key) = part.get(key).and_then(Value::as_str).filter(|key| !key.is_empty()) else {
        let detail = format!("{name} needs a text {key:?}, by which it is known again");
        problems.add(unmappable(detail).at(format!("/{name}/{key}")));
        return None;
    };
    Some((key.to_owned(), part.clone()))
}

/// A payload that no order can be made of.
pub(super) fn unmappable(detail: impl Into<String>) -> Problem {
    Problem::new(Code::Unmappable, detail)
}
