//! Query parameters: include, sparse fieldsets, orders, filters and pages. What an operation does
//! not know is refused, never ignored.

mod accepts;
mod compound;
pub(crate) mod filter;
pub(crate) mod operand;
mod parameters;
mod pattern;
pub(crate) mod predicate;
pub(crate) mod sort;

use std::collections::{BTreeMap, BTreeSet};

use perennial_store::{Cursor, CursorError, Span};

pub(crate) use self::{
    accepts::{Accepts, List},
    parameters::{invalid, pairs},
};
use self::{
    compound::{fields, includes},
    filter::Filter,
    parameters::{bad_cursor, bracketed, cut},
    sort::Term,
};
use super::{
    error::{ApiError, Code, Outcome, Problem, Problems},
    object::ResourceType,
};

/// Resources of a page unless asked otherwise.
pub(crate) const PAGE_SIZE: u16 = 25;
/// Most resources of a page.
pub(crate) const MAX_PAGE_SIZE: u16 = 100;
/// How many records of a list are counted, and read for one request: pages by number reach no
/// further, and what no index serves is evaluated over no more.
pub(crate) const BOUND: u16 = 1_000;
/// Most filters of a request.
const MAX_FILTERS: usize = 20;

/// The query parameters of a request, checked.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// Paths of relationships whose resources the client wants too.
    pub(crate) include: Vec<Vec<String>>,
    /// Whether the client asked for any.
    pub(crate) wants_included: bool,
    /// Fields wanted, by resource type.
    pub(crate) fields: BTreeMap<String, BTreeSet<String>>,
    /// Filters that lead straight to what is wanted, by attribute and predicate (`code_eq`).
    pub(crate) filters: BTreeMap<&'static str, String>,
    /// Filters for which records have to be read.
    pub(crate) conditions: Vec<Filter>,
    /// Filters that storage serves by narrowing the list to [`Query::span`].
    pub(crate) narrowing: Vec<Filter>,
    /// Which part of the list, and in which direction.
    pub(crate) span: Span,
    /// The order wanted; empty for the one in which storage has the list.
    pub(crate) sort: Vec<Term>,
    /// The order in which storage has the list; empty for one that no attribute tells.
    pub(crate) stored: Vec<Term>,
    pub(crate) size: u16,
    /// Which page, counted from 1.
    pub(crate) number: Option<u16>,
    pub(crate) cursor: Option<Cursor>,
    /// The name under which the cursor was given.
    pub(crate) cursor_parameter: &'static str,
}

impl Query {
    /// Reads the query string of a request for resources of a type.
    pub(crate) fn parse(
        text: &str,
        kind: &'static ResourceType,
        accepts: Accepts,
        find: impl Fn(&str) -> Option<&'static ResourceType>,
    ) -> Outcome<Self> {
        let mut query =
            Self { size: PAGE_SIZE, cursor_parameter: "page[cursor]", ..Self::default() };
        let mut problems = Problems::default();
        let mut seen = BTreeSet::new();
        for (name, value) in pairs(text) {
            if !seen.insert(name.clone()) {
                problems.add(invalid(&name, "is given twice", &value));
                continue;
            }
            if let Err(problem) = query.take(&name, &value, kind, accepts, &find) {
                problems.add(problem);
            }
        }
        if let Some(list) = &accepts.list {
            query.settle(kind, list, &mut problems);
        }
        problems.check().map(|()| query)
    }

    fn take(
        &mut self,
        name: &str,
        value: &str,
        kind: &'static ResourceType,
        accepts: Accepts,
        find: &impl Fn(&str) -> Option<&'static ResourceType>,
    ) -> Result<(), Problem> {
        if name == "include" {
            self.wants_included = true;
            self.include = includes(value, kind, find)?;
            return Ok(());
        }
        if let Some(of) = bracketed(name, "fields") {
            let fields = fields(name, of, value, find)?;
            self.fields.insert(of.to_owned(), fields);
            return Ok(());
        }
        let Some(list) = &accepts.list else { return Err(unknown(name, accepts)) };
        match name {
            "sort" => self.sort = sort::parse(value, kind, list)?,
            "page[size]" => self.size = number(name, value, MAX_PAGE_SIZE)?,
            "page[number]" => self.number = Some(number(name, value, BOUND)?),
            "page[cursor]" | "page[after]" => {
                self.cursor_parameter =
                    if name == "page[after]" { "page[after]" } else { "page[cursor]" };
                let cursor =
                    Cursor::decode(value).map_err(|error| bad_cursor(name, &error, value))?;
                self.cursor = Some(cursor);
            }
            _ => {
                let filter = bracketed(name, "filter[q]").ok_or_else(|| unknown(name, accepts))?;
                match list.served.iter().find(|served| **served == filter) {
                    Some(served) => {
                        self.filters.insert(served, value.to_owned());
                    }
                    None => self.conditions.push(Filter::parse(filter, value, kind, list)?),
                }
            }
        }
        Ok(())
    }

    /// Settles what several parameters mean together.
    fn settle(&mut self, kind: &'static ResourceType, list: &List, problems: &mut Problems) {
        for required in list.required.iter().filter(|name| !self.filters.contains_key(*name)) {
            let parameter = format!("filter[q][{required}]");
            problems.add(
                Problem::new(Code::InvalidParameter, format!("{parameter} is required here"))
                    .in_parameter(parameter),
            );
        }
        if self.conditions.len() > MAX_FILTERS {
            let rule = format!("may be given at most {MAX_FILTERS} times");
            problems.add(invalid("filter[q]", &rule, &self.conditions.len().to_string()));
        }
        if self.number.is_some() && self.cursor.is_some() {
            let detail = "page[number] can't be given together with a cursor";
            problems.add(Problem::new(Code::InvalidParameter, detail).in_parameter("page[number]"));
        }
        let by = list.by.and_then(|by| kind.attributes.iter().find(|found| found.name == by));
        self.span.descending = list.descending;
        if let (Some(by), [term]) = (by, self.sort.as_slice())
            && term.attribute.name == by.name
            && (list.reversible || term.descending == list.descending)
        {
            self.span.descending = term.descending;
            self.sort.clear();
        }
        let descending = self.span.descending;
        self.stored = by.map(|attribute| Term { attribute, descending }).into_iter().collect();
        if let Some(by) = by.filter(|_| list.narrowed) {
            let mut span = self.span;
            let (narrowing, filters) = std::mem::take(&mut self.conditions)
                .into_iter()
                .partition(|filter| filter.narrow(by.name, &mut span));
            (self.narrowing, self.conditions, self.span) = (narrowing, filters, span);
        }
    }

    /// The types of resources that the include paths lead to or through, from resources of `kind`.
    pub(crate) fn included_kinds(
        &self,
        kind: &ResourceType,
        find: impl Fn(&str) -> Option<&'static ResourceType>,
    ) -> BTreeSet<&'static str> {
        let mut kinds = BTreeSet::new();
        for path in &self.include {
            let mut at = Some(kind);
            for step in path {
                let Some(relationship) = at.and_then(|kind| kind.relationship(step)) else { break };
                kinds.insert(relationship.to);
                at = find(relationship.to);
            }
        }
        kinds
    }

    /// How many resources come before the page, where it has a number.
    pub(crate) fn skipped(&self) -> usize {
        let before = self.number.map_or(0, |number| number.saturating_sub(1));
        usize::from(before) * usize::from(self.size)
    }

    /// The error for a cursor that storage did not know as its own.
    pub(crate) fn refuse_cursor(&self, error: &CursorError) -> ApiError {
        let value = self.cursor.as_ref().map(Cursor::encode).unwrap_or_default();
        bad_cursor(self.cursor_parameter, error, &value).into()
    }

    /// The error for a list of which too many records would have to be read.
    pub(crate) fn refuse_unbounded(&self) -> ApiError {
        let narrower = if self.stored.iter().any(|term| term.attribute.name == "created_at") {
            " narrow the list by filter[q][created_at_gteq] and filter[q][created_at_lt], or"
        } else {
            ""
        };
        let (parameter, what) = match (self.conditions.first(), self.sort.first()) {
            (Some(filter), _) => (filter.parameter.clone(), "is evaluated over"),
            (None, Some(_)) => ("sort".to_owned(), "is carried out over"),
            (None, None) => ("page[number]".to_owned(), "reaches"),
        };
        let detail = format!(
            "{parameter} {what} at most {BOUND} records, and there are more:{narrower} read the \
             list in its own order by page[cursor]"
        );
        Problem::new(Code::TooManyRecords, detail)
            .in_parameter(parameter)
            .with("bound", BOUND)
            .into()
    }
}

fn number(name: &str, value: &str, maximum: u16) -> Result<u16, Problem> {
    let number = value.parse().ok().filter(|number| (1..=maximum).contains(number));
    let rule = format!("must be a whole number from 1 to {maximum}");
    number.ok_or_else(|| invalid(name, &rule, value))
}

fn unknown(name: &str, accepts: Accepts) -> Problem {
    let mut known = vec!["include", "fields[TYPE]"];
    if accepts.list.is_some() {
        known.extend([
            "sort",
            "page[size]",
            "page[number]",
            "page[cursor]",
            "filter[q][ATTRIBUTE_PREDICATE]",
        ]);
    }
    let name = cut(name);
    Problem::new(
        Code::UnknownParameter,
        format!("there is no query parameter {name:?} here; there are: {}", known.join(", ")),
    )
    .in_parameter(name)
}
