//! Values of programs. They count what they cost: whatever grows takes from the [budget] first.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    fmt,
    ops::{Add, Div, Mul, Neg, Range, Rem, Sub},
    rc::Rc,
};

use jaq_core::{Error, Exn, ValR, ValT, ValX, box_iter::BoxIter, ops::Math, path::Opt};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::{budget, number};

/// What a value costs beside its text, in bytes.
const SELF: usize = 32;
/// Longest text of a value in an error, in characters.
const SHOWN: usize = 120;

/// Items of an array.
pub(crate) type Items = Vec<Val>;
/// Members of an object.
pub(crate) type Members = BTreeMap<Rc<str>, Val>;

/// A value. Containers carry how deep they are nested.
#[derive(Debug, Clone)]
pub(crate) enum Val {
    Null,
    Bool(bool),
    Num(Decimal),
    Str(Rc<str>),
    Arr(Rc<Items>, u16),
    Obj(Rc<Members>, u16),
}

impl Val {
    pub(crate) fn text(text: impl Into<Rc<str>>) -> Self {
        let text = text.into();
        budget::make(SELF + text.len());
        Self::Str(text)
    }

    pub(crate) fn array(items: Items) -> Self {
        let depth = deepest(items.iter());
        Self::Arr(Rc::new(items), depth)
    }

    pub(crate) fn object(members: Members) -> Self {
        let depth = deepest(members.values());
        Self::Obj(Rc::new(members), depth)
    }

    fn depth(&self) -> u16 {
        match self {
            Self::Arr(_, depth) | Self::Obj(_, depth) => *depth,
            Self::Null | Self::Bool(_) | Self::Num(_) | Self::Str(_) => 0,
        }
    }

    /// What it is, as `type` tells.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Num(_) => "number",
            Self::Str(_) => "string",
            Self::Arr(..) => "array",
            Self::Obj(..) => "object",
        }
    }

    /// A JSON value.
    ///
    /// # Errors
    /// The text of a number that has more digits than are kept.
    pub(crate) fn of_json(value: &Value) -> Result<Self, String> {
        Ok(match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(given) => {
                Self::Num(number::from_json(given).ok_or_else(|| given.to_string())?)
            }
            Value::String(text) => Self::text(text.as_str()),
            Value::Array(items) => {
                budget::make(SELF * items.len());
                Self::array(items.iter().map(Self::of_json).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                budget::make(SELF * members.len());
                let member = |(name, value): (&String, &Value)| {
                    Ok((Rc::from(name.as_str()), Self::of_json(value)?))
                };
                Self::object(members.iter().map(member).collect::<Result<_, String>>()?)
            }
        })
    }

    /// The value as JSON.
    ///
    /// # Errors
    /// Where it holds a number that JSON values don't keep.
    pub(crate) fn to_json(&self) -> Result<Value, Inexact> {
        budget::step(1);
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Num(number) => {
                let inexact = || Inexact { number: *number, at: Vec::new() };
                Value::Number(number::to_json(*number).ok_or_else(inexact)?)
            }
            Self::Str(text) => {
                budget::make(text.len());
                Value::String(text.to_string())
            }
            Self::Arr(items, _) => {
                budget::make(SELF * items.len());
                let item = |(place, item): (usize, &Self)| {
                    item.to_json().map_err(|inexact| inexact.within(&place))
                };
                items.iter().enumerate().map(item).collect::<Result<_, _>>()?
            }
            Self::Obj(members, _) => {
                budget::make(SELF * members.len());
                let member = |(name, value): (&Rc<str>, &Self)| {
                    budget::make(name.len());
                    let value = value.to_json().map_err(|inexact| inexact.within(name))?;
                    Ok((name.to_string(), value))
                };
                Value::Object(members.iter().map(member).collect::<Result<_, Inexact>>()?)
            }
        })
    }

    /// The value as a text in JSON, numbers as exact as they are.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        budget::step(1);
        let before = text.len();
        match self {
            Self::Null => text.push_str("null"),
            Self::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
            Self::Num(number) => text.push_str(&number.normalize().to_string()),
            Self::Str(own) => write_string(own, text),
            Self::Arr(items, _) => {
                text.push('[');
                for (place, item) in items.iter().enumerate() {
                    text.push_str(if place == 0 { "" } else { "," });
                    item.write(text);
                }
                text.push(']');
            }
            Self::Obj(members, _) => {
                text.push('{');
                for (place, (name, value)) in members.iter().enumerate() {
                    text.push_str(if place == 0 { "" } else { "," });
                    write_string(name, text);
                    text.push(':');
                    value.write(text);
                }
                text.push('}');
            }
        }
        if !matches!(self, Self::Arr(..) | Self::Obj(..)) {
            budget::make(text.len() - before);
        }
    }

    fn key(self) -> Result<Rc<str>, Error<Self>> {
        match self {
            Self::Str(text) => Ok(text),
            other => Err(Error::typ(other, "name of a member")),
        }
    }

    fn order(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(false) => 1,
            Self::Bool(true) => 2,
            Self::Num(_) => 3,
            Self::Str(_) => 4,
            Self::Arr(..) => 5,
            Self::Obj(..) => 6,
        }
    }
}

fn write_string(own: &str, text: &mut String) {
    budget::step(own.len() / 64);
    text.push_str(&Value::from(own).to_string());
}

/// A number that has more digits than JSON values keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inexact {
    number: Decimal,
    /// The places that lead to it, the innermost first.
    at: Vec<String>,
}

impl Inexact {
    fn within(mut self, place: &impl ToString) -> Self {
        self.at.push(place.to_string());
        self
    }
}

/// As people are told.
impl fmt::Display for Inexact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number ")?;
        self.number.normalize().fmt(f)?;
        if !self.at.is_empty() {
            f.write_str(" at ")?;
            for place in self.at.iter().rev() {
                write!(f, "/{place}")?;
            }
        }
        f.write_str(" has more digits than are kept: make it a text, or round it")
    }
}

/// How deep a container of these is nested.
fn deepest<'a>(values: impl Iterator<Item = &'a Val>) -> u16 {
    let depth = values.map(Val::depth).max().unwrap_or_default() + 1;
    budget::nest(depth);
    depth
}

/// The items of an array, copied where others have it too.
pub(crate) fn own(items: Rc<Items>) -> Items {
    Rc::try_unwrap(items).unwrap_or_else(|shared| {
        budget::make(SELF * shared.len());
        shared.to_vec()
    })
}

fn own_members(members: Rc<Members>) -> Members {
    Rc::try_unwrap(members).unwrap_or_else(|shared| {
        budget::make(SELF * 2 * shared.len());
        (*shared).clone()
    })
}

/// The order of jq: null, false, true, numbers, texts, arrays, objects.
impl Ord for Val {
    fn cmp(&self, other: &Self) -> Ordering {
        budget::step(1);
        match (self, other) {
            (Self::Num(one), Self::Num(other)) => one.cmp(other),
            (Self::Str(one), Self::Str(other)) => {
                budget::step(one.len().min(other.len()) / 64);
                one.cmp(other)
            }
            (Self::Arr(one, _), Self::Arr(other, _)) => one.cmp(other),
            (Self::Obj(one, _), Self::Obj(other, _)) => {
                one.keys().cmp(other.keys()).then_with(|| one.values().cmp(other.values()))
            }
            (one, other) => one.order().cmp(&other.order()),
        }
    }
}

impl PartialOrd for Val {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Val {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Val {}

/// As errors show it: JSON, cut short.
impl fmt::Display for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Arr(items, _) if items.len() > SHOWN => {
                return write!(f, "an array of {} items", items.len());
            }
            Self::Obj(members, _) if members.len() > SHOWN => {
                return write!(f, "an object of {} members", members.len());
            }
            other => other.to_text(),
        };
        let shown: String = text.chars().take(SHOWN).collect();
        f.write_str(&shown)?;
        if shown.len() < text.len() { f.write_str("...") } else { Ok(()) }
    }
}

impl From<bool> for Val {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<isize> for Val {
    fn from(whole: isize) -> Self {
        Self::Num(Decimal::from(whole))
    }
}

impl From<usize> for Val {
    fn from(whole: usize) -> Self {
        Self::Num(Decimal::from(whole))
    }
}

impl From<String> for Val {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Range<Option<Self>>> for Val {
    fn from(range: Range<Option<Self>>) -> Self {
        let ends = [("start", range.start), ("end", range.end)];
        let members = ends.map(|(name, end)| (Rc::from(name), end.unwrap_or(Self::Null)));
        Self::object(members.into_iter().collect())
    }
}

impl FromIterator<Self> for Val {
    fn from_iter<I: IntoIterator<Item = Self>>(items: I) -> Self {
        let counted = |item| {
            budget::step(1);
            budget::make(SELF);
            item
        };
        Self::array(items.into_iter().map(counted).collect())
    }
}

fn calculated(sum: Option<Decimal>) -> ValR<Val> {
    let number = sum.ok_or_else(|| Error::str("a number has more than 28 digits"))?;
    Ok(Val::Num(number.normalize()))
}

impl Add for Val {
    type Output = ValR<Self>;

    fn add(self, other: Self) -> ValR<Self> {
        budget::step(1);
        match (self, other) {
            (Self::Null, value) | (value, Self::Null) => Ok(value),
            (Self::Num(one), Self::Num(other)) => calculated(one.checked_add(other)),
            (Self::Str(one), Self::Str(other)) => {
                budget::make(one.len() + other.len());
                Ok(Self::text([&*one, &*other].concat()))
            }
            (Self::Arr(one, _), Self::Arr(other, _)) => {
                budget::make(SELF * other.len());
                let mut items = own(one);
                items.extend(other.iter().cloned());
                Ok(Self::array(items))
            }
            (Self::Obj(one, _), Self::Obj(other, _)) => {
                budget::make(SELF * 2 * other.len());
                let mut members = own_members(one);
                members.extend(other.iter().map(|(name, value)| (Rc::clone(name), value.clone())));
                Ok(Self::object(members))
            }
            (one, other) => Err(Error::math(one, Math::Add, other)),
        }
    }
}

impl Sub for Val {
    type Output = ValR<Self>;

    fn sub(self, other: Self) -> ValR<Self> {
        budget::step(1);
        match (self, other) {
            (Self::Num(one), Self::Num(other)) => calculated(one.checked_sub(other)),
            (Self::Arr(one, _), Self::Arr(other, _)) => {
                let mut items = own(one);
                items.retain(|item| !other.contains(item));
                Ok(Self::array(items))
            }
            (one, other) => Err(Error::math(one, Math::Sub, other)),
        }
    }
}

impl Mul for Val {
    type Output = ValR<Self>;

    fn mul(self, other: Self) -> ValR<Self> {
        budget::step(1);
        match (self, other) {
            (Self::Num(one), Self::Num(other)) => calculated(one.checked_mul(other)),
            (Self::Str(text), Self::Num(times)) | (Self::Num(times), Self::Str(text)) => {
                match number::whole(times.trunc()).and_then(|times| usize::try_from(times).ok()) {
                    Some(times) if times > 0 => {
                        budget::make(text.len().saturating_mul(times));
                        Ok(Self::text(text.repeat(times)))
                    }
                    Some(_) | None if times <= Decimal::ZERO => Ok(Self::Null),
                    Some(_) | None => {
                        Err(Error::math(Self::Str(text), Math::Mul, Self::Num(times)))
                    }
                }
            }
            (Self::Obj(one, _), Self::Obj(other, _)) => merged(one, &other),
            (one, other) => Err(Error::math(one, Math::Mul, other)),
        }
    }
}

/// One object with another laid over it, at every depth.
fn merged(one: Rc<Members>, other: &Members) -> ValR<Val> {
    budget::make(SELF * 2 * other.len());
    let mut members = own_members(one);
    for (name, over) in other {
        let under = members.remove(name);
        let value = match (under, over) {
            (Some(Val::Obj(under, _)), Val::Obj(over, _)) => {
                budget::step(1);
                merged(under, over)?
            }
            (_, over) => over.clone(),
        };
        members.insert(Rc::clone(name), value);
    }
    Ok(Val::object(members))
}

impl Div for Val {
    type Output = ValR<Self>;

    fn div(self, other: Self) -> ValR<Self> {
        budget::step(1);
        match (self, other) {
            (Self::Num(_), Self::Num(by)) if by.is_zero() => {
                Err(Error::str("a number can't be divided by zero"))
            }
            (Self::Num(one), Self::Num(by)) => calculated(one.checked_div(by)),
            (Self::Str(text), Self::Str(by)) => {
                budget::step(text.len() / 16);
                Ok(if by.is_empty() {
                    text.chars().map(|c| Self::text(c.to_string())).collect()
                } else {
                    text.split(&*by).map(Self::text).collect()
                })
            }
            (one, other) => Err(Error::math(one, Math::Div, other)),
        }
    }
}

impl Rem for Val {
    type Output = ValR<Self>;

    fn rem(self, other: Self) -> ValR<Self> {
        budget::step(1);
        match (self, other) {
            (Self::Num(one), Self::Num(by)) if !by.is_zero() => calculated(one.checked_rem(by)),
            (one, other) => Err(Error::math(one, Math::Rem, other)),
        }
    }
}

impl Neg for Val {
    type Output = ValR<Self>;

    fn neg(self) -> ValR<Self> {
        match self {
            Self::Num(number) => Ok(Self::Num(-number)),
            other => Err(Error::typ(other, "number")),
        }
    }
}

/// The place that a number names among so many, counted from the end where it is negative.
fn place(index: Decimal, count: usize) -> Option<usize> {
    let index = number::whole(index.floor())?;
    match usize::try_from(index) {
        Ok(place) => Some(place),
        Err(_) => count.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

/// The places from which and up to which a range goes.
fn span(range: &Range<Option<&Val>>, count: usize) -> Result<Range<usize>, Error<Val>> {
    let end = |end: Option<&Val>, default: usize| match end {
        None | Some(Val::Null) => Ok(default),
        Some(Val::Num(index)) => {
            let below = if index.is_sign_negative() { 0 } else { count };
            Ok(place(*index, count).unwrap_or(below).min(count))
        }
        Some(other) => Err(Error::typ(other.clone(), "place in a range")),
    };
    let (from, to) = (end(range.start, 0)?, end(range.end, count)?);
    Ok(from..to.max(from))
}

type Updates<'a> = ValX<'a, Val>;

impl ValT for Val {
    fn from_num(text: &str) -> ValR<Self> {
        let number = number::parse(text);
        let refuse = || Error::str(format!("{text} has more than 28 digits"));
        number.map(Self::Num).ok_or_else(refuse)
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(members: I) -> ValR<Self> {
        let mut read = Members::new();
        for (name, value) in members {
            budget::step(1);
            budget::make(SELF * 2);
            read.insert(name.key()?, value);
        }
        Ok(Self::object(read))
    }

    fn key_values(self) -> BoxIter<'static, ValR<(Self, Self), Self>> {
        let stepped = |pair| {
            budget::step(1);
            Ok(pair)
        };
        match self {
            Self::Arr(items, _) => {
                let pairs = own(items).into_iter().enumerate();
                Box::new(pairs.map(|(place, item)| (Self::from(place), item)).map(stepped))
            }
            Self::Obj(members, _) => {
                let pairs = own_members(members).into_iter();
                Box::new(pairs.map(|(name, value)| (Self::Str(name), value)).map(stepped))
            }
            other => Box::new(std::iter::once(Err(Error::typ(other, "array or object")))),
        }
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR<Self>>> {
        match self {
            Self::Arr(..) | Self::Obj(..) => Box::new(self.key_values().map(|pair| Ok(pair?.1))),
            other => Box::new(std::iter::once(Err(Error::typ(other, "array or object")))),
        }
    }

    fn index(self, index: &Self) -> ValR<Self> {
        budget::step(1);
        match (self, index) {
            (Self::Null, Self::Num(_) | Self::Str(_) | Self::Null) => Ok(Self::Null),
            (Self::Arr(items, _), Self::Num(index)) => {
                let found = place(*index, items.len()).and_then(|place| items.get(place));
                Ok(found.cloned().unwrap_or(Self::Null))
            }
            (Self::Obj(members, _), Self::Str(name)) => {
                Ok(members.get(name).cloned().unwrap_or(Self::Null))
            }
            (value, index) => Err(Error::index(value, index.clone())),
        }
    }

    fn range(self, range: Range<Option<&Self>>) -> ValR<Self> {
        match self {
            Self::Null => Ok(Self::Null),
            Self::Arr(items, _) => {
                let span = span(&range, items.len())?;
                Ok(items.get(span).unwrap_or_default().iter().cloned().collect())
            }
            Self::Str(text) => {
                budget::step(text.len() / 16);
                let span = span(&range, text.chars().count())?;
                let part = text.chars().skip(span.start).take(span.len());
                Ok(Self::text(part.collect::<String>()))
            }
            other => Err(Error::typ(other, "array or string")),
        }
    }

    fn map_values<'a, I: Iterator<Item = Updates<'a>>>(
        self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> Updates<'a> {
        match self {
            Self::Arr(items, _) => own(items).into_iter().flat_map(f).collect(),
            Self::Obj(members, _) => {
                let mut mapped = Members::new();
                for (name, value) in own_members(members) {
                    budget::step(1);
                    if let Some(value) = f(value).next() {
                        mapped.insert(name, value?);
                    }
                }
                Ok(Self::object(mapped))
            }
            other => opt.fail(other, |other| Exn::from(Error::typ(other, "array or object"))),
        }
    }

    fn map_index<'a, I: Iterator<Item = Updates<'a>>>(
        self,
        index: &Self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> Updates<'a> {
        budget::step(1);
        match (self, index) {
            (Self::Null, Self::Str(_)) => Self::object(Members::new()).map_index(index, opt, f),
            (Self::Obj(members, _), Self::Str(name)) => {
                let mut members = own_members(members);
                let before = members.remove(name).unwrap_or(Self::Null);
                if let Some(value) = f(before).next() {
                    budget::make(SELF * 2);
                    members.insert(Rc::clone(name), value?);
                }
                Ok(Self::object(members))
            }
            (Self::Arr(items, depth), Self::Num(place_of)) => {
                let Some(place) =
                    place(*place_of, items.len()).filter(|place| *place < items.len())
                else {
                    let refuse = |_| Exn::from(Error::str("the array has no item at this place"));
                    return opt.fail(Self::Arr(items, depth), refuse);
                };
                let mut items = own(items);
                let before = items.get(place).cloned().unwrap_or(Self::Null);
                match (f(before).next().transpose()?, items.get_mut(place)) {
                    (Some(value), Some(item)) => *item = value,
                    (None, Some(_)) => drop(items.remove(place)),
                    (_, None) => {}
                }
                Ok(Self::array(items))
            }
            (value, index) => {
                opt.fail(value, |value| Exn::from(Error::index(value, index.clone())))
            }
        }
    }

    fn map_range<'a, I: Iterator<Item = Updates<'a>>>(
        self,
        range: Range<Option<&Self>>,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> Updates<'a> {
        let Self::Arr(items, _) = self else {
            return opt.fail(self, |other| Exn::from(Error::typ(other, "array")));
        };
        let span = span(&range, items.len()).map_err(Exn::from)?;
        let mut items = own(items);
        let part: Self = items.drain(span.clone()).collect();
        let mapped = match f(part).next().transpose()? {
            Some(Self::Arr(mapped, _)) => own(mapped),
            Some(other) => return Err(Exn::from(Error::typ(other, "array"))),
            None => Items::new(),
        };
        budget::make(SELF * mapped.len());
        let rest = items.split_off(span.start.min(items.len()));
        items.extend(mapped);
        items.extend(rest);
        Ok(Self::array(items))
    }

    fn as_bool(&self) -> bool {
        !matches!(self, Self::Null | Self::Bool(false))
    }

    fn into_string(self) -> Self {
        match self {
            Self::Str(_) => self,
            other => Self::text(other.to_text()),
        }
    }
}
