//! A step in YAML: a string, or a map of one key: a client, as in `c1: acquire -> ok`, or a fault,
//! as in `impair: {node: c1, loss: 0.1}`.

use super::{Step, text_of};
use crate::fault::Strike;
use schemars::JsonSchema;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Step::Strike(strike) = self
            && text_of(strike).is_none()
        {
            let mut map = serializer.serialize_map(Some(1))?;
            strike.serialize_entry(&mut map)?;
            return map.end();
        }
        match self.client_text() {
            Some((client, text)) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(client, &text)?;
                map.end()
            }
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Step, D::Error> {
        deserializer.deserialize_any(StepVisitor)
    }
}

struct StepVisitor;

impl<'de> Visitor<'de> for StepVisitor {
    type Value = Step;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a step such as `c1: acquire -> ok` or `at +15s`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Step, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Step, A::Error> {
        let Some(key) = map.next_key::<String>()? else {
            return Err(de::Error::custom("an empty step"));
        };
        let step = match Strike::KINDS.contains(&key.as_str()) {
            true => Step::Strike(map.next_value_seed(OfKind(key))?),
            false => map.next_value_seed(OfClient(key))?,
        };
        match map.next_key::<String>()? {
            None => Ok(step),
            Some(second) => Err(de::Error::custom(format!(
                "a step has one client or one fault, here `{second}` is a second one; \
                 expected a list item (`- `) for each step"
            ))),
        }
    }
}

/// Reads what follows the name of a fault.
struct OfKind(String);

impl<'de> DeserializeSeed<'de> for OfKind {
    type Value = Strike;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Strike, D::Error> {
        Strike::of_kind(&self.0, deserializer)
    }
}

/// Reads what follows the client's name; being a seed, an error in it has the right place.
struct OfClient(String);

impl<'de> DeserializeSeed<'de> for OfClient {
    type Value = Step;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Step, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for OfClient {
    type Value = Step;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a call and its answer, such as `acquire -> ok`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Step, E> {
        Step::of_client(&self.0, text).map_err(E::custom)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Step, E> {
        Step::of_client(&self.0, "").map_err(E::custom)
    }
}

impl JsonSchema for Step {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let strike = generator.subschema_for::<Strike>();
        schemars::json_schema!({
            "description": "A step: `c1: acquire timeout 2s -> timeout`, `c1: -> ok within 12s`, \
                `at +15s`, `cut c1`, `heal c1`, `crash server`, `restart server`, `clock c2 +8s`, \
                `impair: {node: c1, loss: 0.1}`, `end impair c1`",
            "anyOf": [
                { "type": "string" },
                strike,
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": { "type": "string" }
                }
            ]
        })
    }
}
