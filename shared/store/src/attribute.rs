//! Values out of attributes: the way back from what `serde_dynamo` writes.
//!
//! Its own way back takes a struct from a list, too, and a list from any of the three kinds of sets.
//! The compiler makes code for each of those ways for each type that is read, which was a fiftieth of
//! a function. Nothing of ours is stored like that: here a struct is read from a map only, and
//! whatever a list is read from becomes one first.

use std::collections::{HashMap, hash_map};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess,
        SeqAccess, Unexpected, VariantAccess, Visitor,
        value::{Error, StringDeserializer},
    },
    forward_to_deserialize_any,
};

/// The value in an attribute.
pub(crate) fn from_attribute<T: DeserializeOwned>(attribute: AttributeValue) -> Result<T, Error> {
    T::deserialize(Attribute(attribute))
}

struct Attribute(AttributeValue);

/// A number, as the narrowest form that holds it.
enum Number {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
}

fn number(text: &str) -> Result<Number, Error> {
    let whole = text.parse().map(Number::Signed);
    let whole = whole.or_else(|_| text.parse().map(Number::Unsigned));
    let number = whole.or_else(|_| text.parse().map(Number::Float));
    number.map_err(|_| Error::invalid_value(Unexpected::Str(text), &"a number"))
}

/// What an attribute is, for errors.
fn unexpected(attribute: &AttributeValue) -> Unexpected<'_> {
    match attribute {
        AttributeValue::S(text) => Unexpected::Str(text),
        AttributeValue::N(_) => Unexpected::Other("number"),
        AttributeValue::Bool(flag) => Unexpected::Bool(*flag),
        AttributeValue::Null(_) => Unexpected::Unit,
        AttributeValue::M(_) => Unexpected::Map,
        AttributeValue::L(_)
        | AttributeValue::Ss(_)
        | AttributeValue::Ns(_)
        | AttributeValue::Bs(_) => Unexpected::Seq,
        AttributeValue::B(bytes) => Unexpected::Bytes(bytes.as_ref()),
        _ => Unexpected::Other("attribute of a new kind"),
    }
}

/// The members of a list or a set; the attribute itself where it is neither.
fn members(attribute: AttributeValue) -> Result<Vec<AttributeValue>, AttributeValue> {
    match attribute {
        AttributeValue::L(members) => Ok(members),
        AttributeValue::Ss(members) => Ok(members.into_iter().map(AttributeValue::S).collect()),
        AttributeValue::Ns(members) => Ok(members.into_iter().map(AttributeValue::N).collect()),
        AttributeValue::Bs(members) => Ok(members.into_iter().map(AttributeValue::B).collect()),
        other => Err(other),
    }
}

/// Ways to deserialize that are another one by its name.
macro_rules! forward {
    ($to:ident: $($from:ident)*) => {
        $(fn $from<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.$to(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Attribute {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            AttributeValue::S(text) => visitor.visit_string(text),
            AttributeValue::N(_) => self.deserialize_f64(visitor),
            AttributeValue::Bool(flag) => visitor.visit_bool(flag),
            AttributeValue::Null(_) => visitor.visit_unit(),
            AttributeValue::B(bytes) => visitor.visit_byte_buf(bytes.into_inner()),
            AttributeValue::M(_) => self.deserialize_map(visitor),
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let AttributeValue::N(text) = &self.0 else {
            return Err(Error::invalid_type(unexpected(&self.0), &visitor));
        };
        match number(text)? {
            Number::Signed(number) => visitor.visit_i64(number),
            Number::Unsigned(number) => visitor.visit_u64(number),
            Number::Float(number) => visitor.visit_f64(number),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            AttributeValue::S(text) => visitor.visit_string(text),
            other => Err(Error::invalid_type(unexpected(&other), &visitor)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            AttributeValue::Bool(flag) => visitor.visit_bool(flag),
            other => Err(Error::invalid_type(unexpected(&other), &visitor)),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            AttributeValue::Null(true) => visitor.visit_unit(),
            other => Err(Error::invalid_type(unexpected(&other), &visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            AttributeValue::Null(true) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match members(self.0) {
            Ok(members) => visitor.visit_seq(Members(members.into_iter())),
            Err(other) => Err(Error::invalid_type(unexpected(&other), &visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            AttributeValue::M(members) => {
                visitor.visit_map(Named { members: members.into_iter(), value: None })
            }
            other => Err(Error::invalid_type(unexpected(&other), &visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(variant(self.0)?)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward! {
        deserialize_f64:
            deserialize_f32 deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }
    forward! { deserialize_string: deserialize_str deserialize_char deserialize_identifier }
    forward_to_deserialize_any! { bytes byte_buf i128 u128 }
}

/// The members of a list, one after the other.
struct Members(std::vec::IntoIter<AttributeValue>);

impl<'de> SeqAccess<'de> for Members {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|member| seed.deserialize(Attribute(member))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The members of a map, one after the other.
struct Named {
    members: hash_map::IntoIter<String, AttributeValue>,
    value: Option<AttributeValue>,
}

impl<'de> MapAccess<'de> for Named {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((name, value)) = self.members.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(Name(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().ok_or_else(|| Error::custom("a value without a name"))?;
        seed.deserialize(Attribute(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.members.len())
    }
}

/// The name of a map's member: a text, or the text of a number.
struct Name(String);

impl<'de> Deserializer<'de> for Name {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.0)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        Attribute(AttributeValue::N(self.0)).deserialize_i64(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(variant(AttributeValue::S(self.0))?)
    }

    forward! {
        deserialize_i64:
            deserialize_i8 deserialize_i16 deserialize_i32
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }
    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// The variant of an enum: a name, or a map of its name to what it holds.
struct Variant {
    name: String,
    holds: Option<AttributeValue>,
}

fn variant(attribute: AttributeValue) -> Result<Variant, Error> {
    let single = |members: HashMap<String, AttributeValue>| {
        let mut members = members.into_iter();
        match (members.next(), members.next()) {
            (Some((name, holds)), None) => Ok(Variant { name, holds: Some(holds) }),
            _ => Err(Error::custom("a variant is a map of one member")),
        }
    };
    match attribute {
        AttributeValue::S(name) => Ok(Variant { name, holds: None }),
        AttributeValue::M(members) => single(members),
        other => Err(Error::invalid_type(unexpected(&other), &"a variant")),
    }
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Error;
    type Variant = Held;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Held), Error> {
        let name: StringDeserializer<Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, Held(self.holds)))
    }
}

/// What a variant holds.
struct Held(Option<AttributeValue>);

impl Held {
    fn attribute(self) -> Result<Attribute, Error> {
        let held = self.0.map(Attribute);
        held.ok_or_else(|| Error::invalid_type(Unexpected::UnitVariant, &"a variant with a value"))
    }
}

impl<'de> VariantAccess<'de> for Held {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.attribute()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.attribute()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.attribute()?.deserialize_map(visitor)
    }
}

#[cfg(test)]
#[path = "attribute_tests.rs"]
mod tests;
