//! Documents that somebody has filled to do harm.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Quotes, tags, breaks and what reorders or hides, in the ways of every format; and no end.
pub fn text() -> String {
    let start = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>]]>\0\x1b[2J";
    let breaks =
        "\r\n::error::no\n# no\n- no\n```\n\u{202e}left\u{2028}\u{fffe}@all %0A | `no` *no*";
    format!("{start}{breaks}{}", "x".repeat(10_000))
}

/// The document with this text in every field that may have it, and in every key.
pub fn with_text<T: Serialize + DeserializeOwned>(document: &T, text: &str) -> T {
    changed(document, &|value| match value {
        Value::String(_) => Some(Value::from(text)),
        _ => None,
    })
}

/// The document with this number in every field that may have it.
pub fn with_number<T: Serialize + DeserializeOwned>(document: &T, number: Value) -> T {
    changed(document, &|value| value.is_number().then(|| number.clone()))
}

fn changed<T: Serialize + DeserializeOwned>(
    document: &T,
    change: &dyn Fn(&Value) -> Option<Value>,
) -> T {
    let mut value = serde_json::to_value(document).unwrap();
    let mut pointers = Vec::new();
    leaves(&value, String::new(), &mut pointers);
    let mut changed = 0;
    for pointer in pointers {
        let old = value.pointer(&pointer).unwrap().clone();
        let Some(new) = change(&old) else {
            continue;
        };
        *value.pointer_mut(&pointer).unwrap() = new;
        // The names of verdicts and the like are not free.
        if T::deserialize(&value).is_err() {
            *value.pointer_mut(&pointer).unwrap() = old;
        } else {
            changed += 1;
        }
    }
    assert!(changed > 10, "only {changed} fields were changed");
    T::deserialize(&value).unwrap()
}

fn leaves(value: &Value, pointer: String, out: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, v)| leaves(v, format!("{pointer}/{}", escaped(key)), out));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, v)| leaves(v, format!("{pointer}/{i}"), out));
        }
        _ => out.push(pointer),
    }
}
