//! Who orders what, and when: the goods of the shop and its dozen customers.

use serde_json::{Value, json};

/// One thing that is sold.
pub(super) struct Good {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    /// In minor units.
    pub(super) price: i64,
}

/// What is sold.
pub(super) const GOODS: [Good; 5] = [
    Good { code: "espresso-1kg", name: "Espresso, 1 kg", price: 1_890 },
    Good { code: "filters-100", name: "Paper filters, 100", price: 590 },
    Good { code: "descaler", name: "Descaler, 500 ml", price: 1_250 },
    Good { code: "brew-planner", name: "Brew planner, licence", price: 4_900 },
    Good { code: "grinder", name: "Hand grinder", price: 7_950 },
];

/// One line of an order.
pub(super) struct Line {
    pub(super) code: &'static str,
    pub(super) quantity: u32,
    pub(super) often: Often,
}

/// How often a line repeats.
#[derive(Clone, Copy)]
pub(super) enum Often {
    Once,
    Named(&'static str),
    Weeks(u32),
}

impl Often {
    /// As the API takes it; `None` for what does not repeat.
    pub(super) fn frequency(self) -> Option<Value> {
        match self {
            Self::Once => None,
            Self::Named(name) => Some(json!(name)),
            Self::Weeks(every) => Some(json!({"every": every, "unit": "week"})),
        }
    }

    fn words(self) -> String {
        match self {
            Self::Once => "once".to_owned(),
            Self::Named(name) => name.to_owned(),
            Self::Weeks(every) => format!("every {every} weeks"),
        }
    }
}

/// A customer, and the one order that they place.
pub(super) struct Customer {
    pub(super) name: &'static str,
    pub(super) lines: &'static [Line],
}

/// Orders on the last day of January: the month's end is their anchor.
pub(super) const ON_31_JANUARY: [Customer; 4] = [
    Customer { name: "Ada", lines: &[line("espresso-1kg", 2, Often::Named("monthly"))] },
    Customer { name: "Ben", lines: &[line("filters-100", 3, Often::Named("monthly"))] },
    Customer { name: "Chloe", lines: &[line("brew-planner", 1, Often::Named("yearly"))] },
    Customer { name: "Dario", lines: &[line("espresso-1kg", 1, Often::Named("weekly"))] },
];

/// Orders on 4 February.
pub(super) const ON_4_FEBRUARY: [Customer; 4] = [
    Customer { name: "Emil", lines: &[line("espresso-1kg", 1, Often::Named("monthly"))] },
    Customer { name: "Fay", lines: &[line("espresso-1kg", 1, Often::Weeks(2))] },
    Customer {
        name: "Gus",
        lines: &[line("grinder", 1, Often::Once), line("espresso-1kg", 1, Often::Named("monthly"))],
    },
    Customer { name: "Hana", lines: &[line("espresso-1kg", 3, Often::Named("monthly"))] },
];

/// Orders on 14 February.
pub(super) const ON_14_FEBRUARY: [Customer; 4] = [
    Customer { name: "Ivo", lines: &[line("descaler", 1, Often::Named("three-month"))] },
    Customer { name: "Jun", lines: &[line("filters-100", 1, Often::Weeks(6))] },
    Customer {
        name: "Kaya",
        lines: &[
            line("espresso-1kg", 1, Often::Named("monthly")),
            line("descaler", 2, Often::Named("six-month")),
        ],
    },
    Customer { name: "Liam", lines: &[line("espresso-1kg", 4, Often::Named("two-month"))] },
];

const fn line(code: &'static str, quantity: u32, often: Often) -> Line {
    Line { code, quantity, often }
}

impl Customer {
    /// The lines as the API takes them.
    pub(super) fn line_items(&self) -> Vec<Value> {
        self.lines
            .iter()
            .map(|Line { code, quantity, often }| {
                let mut item = json!({"sku_code": code, "quantity": quantity});
                if let (Value::Object(members), Some(frequency)) = (&mut item, often.frequency()) {
                    members.insert("frequency".to_owned(), frequency);
                }
                item
            })
            .collect()
    }

    /// What they order, in words.
    pub(super) fn wishes(&self) -> String {
        let lines: Vec<String> = self
            .lines
            .iter()
            .map(|Line { code, quantity, often }| {
                let name = GOODS.iter().find(|good| good.code == *code).map_or(*code, |g| g.name);
                format!("{quantity} x {name} ({})", often.words())
            })
            .collect();
        lines.join(" and ")
    }
}
