//! The functions that programs may call beside those of the language: of texts, numbers and arrays.
//! There are no regular expressions, no clock, no environment and no input but the payload.

use std::rc::Rc;

use chrono::{DateTime, SecondsFormat, Utc};
use jaq_core::{
    Error, RunPtr, ValR,
    native::{Filter, bome, v},
};
use rust_decimal::Decimal;

use crate::{
    budget, number,
    program::Program,
    value::{Val, own},
};

/// A function of its input and an argument; null stands for none.
type Function = fn(&Val, &Val) -> ValR<Val>;

fn wrong(value: &Val, wanted: &'static str) -> Error<Val> {
    Error::typ(value.clone(), wanted)
}

fn text(value: &Val) -> Result<&Rc<str>, Error<Val>> {
    match value {
        Val::Str(text) => {
            budget::step(text.len() / 64);
            Ok(text)
        }
        other => Err(wrong(other, "string")),
    }
}

fn decimal(value: &Val) -> Result<Decimal, Error<Val>> {
    match value {
        Val::Num(number) => Ok(*number),
        other => Err(wrong(other, "number")),
    }
}

fn length(value: &Val, _: &Val) -> ValR<Val> {
    Ok(match value {
        Val::Null => Val::from(0_usize),
        Val::Num(number) => Val::Num(number.abs()),
        Val::Str(text) => Val::from(text.chars().count()),
        Val::Arr(items, _) => Val::from(items.len()),
        Val::Obj(members, _) => Val::from(members.len()),
        Val::Bool(_) => return Err(wrong(value, "something that has a length")),
    })
}

fn tonumber(value: &Val, _: &Val) -> ValR<Val> {
    match value {
        Val::Num(_) => Ok(value.clone()),
        Val::Str(text) => {
            let number = number::parse(text.trim());
            number.map(Val::Num).ok_or_else(|| wrong(value, "number"))
        }
        other => Err(wrong(other, "number")),
    }
}

/// An amount of money as a decimal number or text, in minor units of a currency with so many of
/// them: `"12.30" | minor_units(2)` is 1230. What does not fit is an error, never rounded.
fn minor_units(value: &Val, decimals: &Val) -> ValR<Val> {
    let amount = decimal(&tonumber(value, &Val::Null)?)?;
    let decimals = number::whole(decimal(decimals)?).and_then(|n| u32::try_from(n).ok());
    let decimals = decimals.filter(|decimals| *decimals <= 4);
    let decimals = decimals.ok_or_else(|| Error::str("minor_units takes 0 to 4 decimals"))?;
    let minor = amount.checked_mul(Decimal::from(10_u32.pow(decimals)));
    let minor = minor.filter(Decimal::is_integer).map(|minor| minor.normalize());
    minor.map(Val::Num).ok_or_else(|| {
        Error::str(format!("{value} is no amount in a currency with {decimals} decimals"))
    })
}

/// Seconds since 1970 as an instant.
fn todate(value: &Val, _: &Val) -> ValR<Val> {
    let seconds = number::whole(decimal(value)?.floor());
    let at = seconds.and_then(|seconds| DateTime::<Utc>::from_timestamp(seconds, 0));
    let at = at.ok_or_else(|| wrong(value, "seconds since 1970"))?;
    Ok(Val::text(at.to_rfc3339_opts(SecondsFormat::Secs, true)))
}

fn sort(value: &Val, _: &Val) -> ValR<Val> {
    let Val::Arr(items, _) = value else { return Err(wrong(value, "array")) };
    let mut items = own(Rc::clone(items));
    items.sort();
    Ok(Val::array(items))
}

fn reverse(value: &Val, _: &Val) -> ValR<Val> {
    match value {
        Val::Arr(items, _) => Ok(items.iter().rev().cloned().collect()),
        Val::Str(text) => Ok(Val::text(text.chars().rev().collect::<String>())),
        Val::Null => Ok(Val::array(Vec::new())),
        other => Err(wrong(other, "array")),
    }
}

fn has(value: &Val, key: &Val) -> ValR<Val> {
    match (value, key) {
        (Val::Obj(members, _), Val::Str(name)) => Ok(Val::Bool(members.contains_key(name))),
        (Val::Arr(items, _), Val::Num(place)) => {
            let place = number::whole(*place).and_then(|place| usize::try_from(place).ok());
            Ok(Val::Bool(place.is_some_and(|place| place < items.len())))
        }
        (value, key) => Err(Error::index(value.clone(), key.clone())),
    }
}

fn contains(value: &Val, part: &Val) -> ValR<Val> {
    Ok(Val::Bool(holds(value, part)))
}

fn holds(value: &Val, part: &Val) -> bool {
    budget::step(1);
    match (value, part) {
        (Val::Str(whole), Val::Str(part)) => {
            budget::step(whole.len() / 16);
            whole.contains(&**part)
        }
        (Val::Arr(items, _), Val::Arr(parts, _)) => {
            parts.iter().all(|part| items.iter().any(|item| holds(item, part)))
        }
        (Val::Obj(members, _), Val::Obj(parts, _)) => parts
            .iter()
            .all(|(name, part)| members.get(name).is_some_and(|value| holds(value, part))),
        (value, part) => value == part,
    }
}

fn strings(value: &Val, other: &Val) -> Result<(Rc<str>, Rc<str>), Error<Val>> {
    Ok((Rc::clone(text(value)?), Rc::clone(text(other)?)))
}

/// A native of jaq, which is a pointer to a function of context and input: of a function of the input
/// and, where it takes one, of an argument.
macro_rules! native {
    ($name:literal, $function:expr) => {
        ($name, v(0), |cv| {
            let function: Function = $function;
            bome(function(&cv.1, &Val::Null))
        })
    };
    ($name:literal(_), $function:expr) => {
        ($name, v(1), |mut cv| {
            let function: Function = $function;
            let argument = cv.0.pop_var();
            bome(function(&cv.1, &argument))
        })
    };
}

/// All of them.
pub(crate) fn natives() -> [Filter<RunPtr<Program>>; 22] {
    [
        native!("length", length),
        native!("tonumber", tonumber),
        native!("todate", todate),
        native!("sort", sort),
        native!("reverse", reverse),
        native!("type", |value, _| Ok(Val::text(value.kind()))),
        native!("tojson", |value, _| Ok(Val::text(value.to_text()))),
        native!("floor", |value, _| Ok(Val::Num(decimal(value)?.floor()))),
        native!("ceil", |value, _| Ok(Val::Num(decimal(value)?.ceil()))),
        native!("ascii_downcase", |value, _| Ok(Val::text(text(value)?.to_ascii_lowercase()))),
        native!("ascii_upcase", |value, _| Ok(Val::text(text(value)?.to_ascii_uppercase()))),
        native!("trim", |value, _| Ok(Val::text(text(value)?.trim()))),
        native!("ltrim", |value, _| Ok(Val::text(text(value)?.trim_start()))),
        native!("rtrim", |value, _| Ok(Val::text(text(value)?.trim_end()))),
        native!("minor_units"(_), minor_units),
        native!("has"(_), has),
        native!("contains"(_), contains),
        native!("split"(_), |value, by| {
            strings(value, by)?;
            value.clone() / by.clone()
        }),
        native!("startswith"(_), |value, start| {
            strings(value, start).map(|(text, start)| Val::Bool(text.starts_with(&*start)))
        }),
        native!("endswith"(_), |value, end| {
            strings(value, end).map(|(text, end)| Val::Bool(text.ends_with(&*end)))
        }),
        native!("ltrimstr"(_), |value, start| {
            let (text, start) = strings(value, start)?;
            Ok(text.strip_prefix(&*start).map_or_else(|| value.clone(), Val::text))
        }),
        native!("rtrimstr"(_), |value, end| {
            let (text, end) = strings(value, end)?;
            Ok(text.strip_suffix(&*end).map_or_else(|| value.clone(), Val::text))
        }),
    ]
}
