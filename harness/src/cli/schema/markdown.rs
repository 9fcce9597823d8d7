//! A JSON Schema as a page of Markdown: a section a type, a row a key.

use serde_json::{Map, Value};
use std::fmt::Write;

/// What the schema does not say of itself.
pub struct Words {
    pub title: &'static str,
    /// What prints the schema.
    pub command: String,
    /// What is said of a key that the schema requires.
    pub needed: &'static str,
}

type Object = Map<String, Value>;

pub fn page(schema: &Value, words: &Words) -> String {
    let empty = Object::new();
    let root = schema.as_object().unwrap_or(&empty);
    let definitions = root.get("$defs").and_then(Value::as_object).unwrap_or(&empty);
    let page = Page { definitions, needed: words.needed };
    let mut out = format!(
        "# {}\n\n<!-- Made from the types by `UPDATE_SCHEMA=1 cargo test -p lockstorm --lib \
         schema`. -->\n\n{}\n\n`{}` prints the JSON Schema that this page is made from.\n",
        words.title,
        paragraphs(root),
        words.command
    );
    page.body(root, &mut out);
    for name in page.in_order(schema) {
        if let Some(definition) = definitions.get(name).and_then(Value::as_object) {
            let about = paragraphs(definition);
            let _ = write!(out, "\n## {name}\n");
            if !about.is_empty() {
                let _ = write!(out, "\n{about}\n");
            }
            page.body(definition, &mut out);
        }
    }
    out
}

struct Page<'a> {
    definitions: &'a Object,
    needed: &'static str,
}

impl<'a> Page<'a> {
    /// The types, in the order in which a reader comes upon them.
    fn in_order(&self, root: &'a Value) -> Vec<&'a str> {
        let mut found: Vec<&str> = Vec::new();
        names(root, &mut found);
        let mut next = 0;
        while let Some(name) = found.get(next).copied() {
            if let Some(definition) = self.definitions.get(name) {
                names(definition, &mut found);
            }
            next += 1;
        }
        found
    }

    /// What a type is made of.
    fn body(&self, schema: &Object, out: &mut String) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            self.properties(properties, schema, out);
        }
        let variants = schema.get("oneOf").and_then(Value::as_array);
        match variants {
            Some(variants) => {
                if schema.contains_key("properties") {
                    out.push_str("\nBesides, it is one of these:\n");
                }
                self.variants(variants, out);
            }
            None if !schema.contains_key("properties") => {
                let _ = write!(out, "\nIt is: {}{}.\n", self.kind(schema), pattern(schema));
            }
            None => {}
        }
    }

    fn properties(&self, properties: &Object, schema: &Object, out: &mut String) {
        let _ = write!(out, "\n| key | type | | |\n|---|---|---|---|\n");
        for (key, value) in properties {
            let value = object(value);
            let stands = match value.get("default") {
                // What an object comes to, its own type says.
                Some(Value::Object(_)) => String::new(),
                Some(default) => format!("default: `{}`", cell(&default.to_string())),
                None if requires(schema, key) => self.needed.to_owned(),
                None => String::new(),
            };
            let (kind, about) = (self.kind(&value), self.about(&value));
            let _ = writeln!(out, "| `{key}` | {kind} | {stands} | {about} |");
        }
    }

    /// What a key says; where nothing is said of it, what its type says.
    fn about(&self, schema: &Object) -> String {
        let own = description(schema);
        let named = schema.get("$ref").and_then(Value::as_str).map(name_of);
        let definition = named.and_then(|name| self.definitions.get(name)?.as_object());
        match definition {
            Some(definition) if own.is_empty() => {
                description(definition).split("\n\n").next().map(cell).unwrap_or_default()
            }
            _ => cell(own),
        }
    }

    /// One of several: a word, an object with one key, or an object that a key tells apart.
    fn variants(&self, variants: &[Value], out: &mut String) {
        let _ = write!(out, "\n| one of | with | |\n|---|---|---|\n");
        for variant in variants {
            let variant = &object(variant);
            let about = cell(description(variant));
            let properties = variant.get("properties").and_then(Value::as_object);
            let words = variant.get("enum").and_then(Value::as_array);
            match (properties, words) {
                (Some(properties), _) => {
                    let (tag, keys) = self.tagged(properties, variant);
                    let _ = writeln!(out, "| {tag} | {keys} | {about} |");
                }
                (None, Some(words)) => {
                    for word in words {
                        let _ = writeln!(out, "| {} | | {about} |", code(word));
                    }
                }
                _ => {
                    let _ = writeln!(out, "| {} | | {about} |", self.kind(variant));
                }
            }
        }
    }

    /// What tells a variant apart, and what else it has.
    fn tagged(&self, properties: &Object, variant: &Object) -> (String, String) {
        let is_tag = |value: &Value| value.get("const").is_some();
        let mut keys = Vec::new();
        if let Some(all) = variant.get("$ref").and_then(Value::as_str) {
            keys.push(format!("all of {}", link(name_of(all))));
        }
        let Some((tag, value)) = properties.iter().find(|(_, value)| is_tag(value)) else {
            let mut first = properties.iter();
            let tag = first.next().map(|(key, value)| {
                keys.push(self.kind(&object(value)));
                format!("`{key}`")
            });
            keys.extend(
                first.map(|(key, value)| format!("`{key}`: {}", self.kind(&object(value)))),
            );
            return (tag.unwrap_or_default(), keys.join("; "));
        };
        for (key, value) in properties.iter().filter(|(key, _)| *key != tag) {
            let value = object(value);
            let about = cell(description(&value));
            let maybe = if requires(variant, key) { "" } else { ", or left out" };
            let about = if about.is_empty() { about } else { format!(" ({about})") };
            keys.push(format!("`{key}`: {}{maybe}{about}", self.kind(&value)));
        }
        (format!("`{tag}`: {}", code(&value["const"])), keys.join("<br>"))
    }

    /// A type in a few words.
    fn kind(&self, schema: &Object) -> String {
        let listed = |key: &str| schema.get(key).and_then(Value::as_array);
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            return link(name_of(name));
        }
        if let Some(value) = schema.get("const") {
            return code(value);
        }
        if let Some(words) = listed("enum") {
            return words.iter().map(code).collect::<Vec<_>>().join(", ");
        }
        if let Some(some) = listed("anyOf").or_else(|| listed("oneOf")) {
            let kinds: Vec<_> = some.iter().map(|one| self.kind(&object(one))).collect();
            return kinds.join(" or ");
        }
        match schema.get("type") {
            Some(Value::String(one)) => self.simple(one, schema),
            Some(Value::Array(some)) => {
                let some = some.iter().filter_map(Value::as_str);
                some.map(|one| self.simple(one, schema)).collect::<Vec<_>>().join(" or ")
            }
            _ => "anything".into(),
        }
    }

    fn simple(&self, kind: &str, schema: &Object) -> String {
        let inner = |key: &str| schema.get(key).map(|value| self.kind(&object(value)));
        match kind {
            "array" => {
                match (inner("items"), schema.get("prefixItems").and_then(Value::as_array)) {
                    (_, Some(items)) => {
                        let kinds = items.iter().map(|item| self.kind(&object(item)));
                        format!("list: {}", kinds.collect::<Vec<_>>().join(", then "))
                    }
                    (Some(items), None) => format!("list of {items}"),
                    (None, None) => "list".into(),
                }
            }
            "object" => {
                let properties = schema.get("properties").and_then(Value::as_object);
                let key = |(key, value)| format!("`{key}`: {}", self.kind(&object(value)));
                match (properties, schema.get("additionalProperties")) {
                    (Some(all), _) => all.iter().map(key).collect::<Vec<_>>().join("<br>"),
                    (None, Some(Value::Object(one))) => {
                        format!("names, each with {}", self.kind(one))
                    }
                    (None, Some(Value::Bool(true))) => "names, each with anything".into(),
                    (None, _) => "an object without keys".into(),
                }
            }
            "integer" | "number" => match (schema.get("minimum"), schema.get("maximum")) {
                (Some(least), Some(most)) => format!("{kind}, {least} to {most}"),
                (Some(least), None) => format!("{kind}, {least} or more"),
                _ => kind.into(),
            },
            other => other.into(),
        }
    }
}

fn requires(schema: &Object, key: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|keys| keys.iter().any(|one| one == key))
}

/// `true` is a schema, too: it allows anything.
fn object(schema: &Value) -> Object {
    schema.as_object().cloned().unwrap_or_default()
}

/// The types that a schema names, those that are not yet there added to them.
fn names<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    match schema {
        Value::Object(keys) => {
            for (key, value) in keys {
                match value {
                    Value::String(name) if key == "$ref" => {
                        let name = name_of(name);
                        if !found.contains(&name) {
                            found.push(name);
                        }
                    }
                    _ if key == "$defs" || key == "default" => {}
                    _ => names(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| names(value, found)),
        _ => {}
    }
}

fn name_of(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or_default()
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", name.to_lowercase())
}

fn code(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", cell(text)),
        other => format!("`{other}`"),
    }
}

fn pattern(schema: &Object) -> String {
    let pattern = schema.get("pattern").and_then(Value::as_str);
    pattern.map(|pattern| format!(", `{pattern}`")).unwrap_or_default()
}

fn description(schema: &Object) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}

fn paragraphs(schema: &Object) -> String {
    plain(description(schema))
}

/// A text as a table's cell: in one line, and without what would end the cell.
fn cell(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// Without the brackets by which a comment names other code, and with no mark-up of HTML.
fn plain(text: &str) -> String {
    let text = text.replace("[`", "`").replace("`]", "`");
    let spans = text.split('`').enumerate();
    let escaped = spans.map(|(index, span)| match index % 2 {
        0 => span.replace('<', "&lt;"),
        _ => span.to_owned(),
    });
    escaped.collect::<Vec<_>>().join("`")
}
