//! The places of a YAML document: a tree of its keys and values without their meaning.
//!
//! It is built before anything else reads the text, so it is also where hostile documents end:
//! ones that nest too deep, and ones whose aliases would expand beyond measure.

use super::Source;
use super::diagnostic::{Diagnostic, Place};
use super::path::{KeyPath, Segment};
use saphyr_parser::{Event, Marker, Parser, Span};
use std::collections::{HashMap, HashSet};

/// Deeper nesting is refused; a scenario needs six levels.
const DEPTH_MAX: usize = 32;
/// More values, aliases expanded, are refused.
const VALUES_MAX: u64 = 100_000;

/// A value and where it stands.
#[derive(Debug)]
pub struct Node {
    place: Place,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Leaf,
    List(Vec<Node>),
    Map(Vec<(String, Place, Node)>),
}

/// A collection that has begun and not ended.
struct Open {
    node: Node,
    /// The key whose value comes next.
    key: Option<(String, Place)>,
    /// The keys so far: a list of them would be searched for ever.
    keys: HashSet<String>,
    anchor: usize,
    values: u64,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    /// How many values an anchor stands for.
    anchors: HashMap<usize, u64>,
}

/// Reads the places of a document; syntax errors come from here.
pub fn build(source: &Source) -> Result<Node, Diagnostic> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(&source.text) {
        let (event, span) = event.map_err(|error| {
            let place = place_of(error.marker());
            Diagnostic::at(source, place, format!("not YAML: {}", error.info()))
        })?;
        let place = place_of_span(&span);
        builder.take(event, place).map_err(|message| Diagnostic::at(source, place, message))?;
    }
    Ok(builder.root.unwrap_or(Node { place: Place::START, shape: Shape::Leaf }))
}

fn place_of(marker: &Marker) -> Place {
    Place { line: marker.line().max(1), column: marker.col() + 1, width: 1 }
}

fn place_of_span(span: &Span) -> Place {
    let mut place = place_of(&span.start);
    if span.end.line() == span.start.line() {
        place.width = span.end.col().saturating_sub(span.start.col()).max(1);
    }
    place
}

impl Builder {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err("a second document begins here; expected one in a file".into());
                }
            }
            Event::Scalar(text, _, anchor, _) => self.leaf(&text, place, anchor, 1)?,
            Event::Alias(anchor) => {
                let values = self.anchors.get(&anchor).copied().unwrap_or(1);
                self.leaf("*", place, 0, values)?;
            }
            Event::SequenceStart(anchor, _) => {
                self.begin(place, Shape::List(Vec::new()), anchor)?;
            }
            Event::MappingStart(anchor, _) => self.begin(place, Shape::Map(Vec::new()), anchor)?,
            Event::SequenceEnd | Event::MappingEnd => self.end(place)?,
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, mut place: Place, shape: Shape, anchor: usize) -> Result<(), String> {
        if self.open.len() == DEPTH_MAX {
            return Err(format!("this nests more than {DEPTH_MAX} levels deep"));
        }
        place.width = 1;
        self.open.push(Open {
            node: Node { place, shape },
            key: None,
            keys: HashSet::new(),
            anchor,
            values: 1,
        });
        Ok(())
    }

    fn end(&mut self, place: Place) -> Result<(), String> {
        let Some(closed) = self.open.pop() else {
            return Ok(());
        };
        self.anchors.insert(closed.anchor, closed.values);
        self.add(closed.node, None, place, closed.values)
    }

    fn leaf(&mut self, text: &str, place: Place, anchor: usize, values: u64) -> Result<(), String> {
        let node = Node { place, shape: Shape::Leaf };
        if anchor != 0 {
            self.anchors.insert(anchor, values);
        }
        self.add(node, Some(text), place, values)
    }

    /// Adds a finished value to the collection that is open, `text` being a scalar's.
    fn add(
        &mut self,
        node: Node,
        text: Option<&str>,
        place: Place,
        values: u64,
    ) -> Result<(), String> {
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        parent.values = parent.values.saturating_add(values);
        if parent.values > VALUES_MAX {
            return Err(format!("this document holds more than {VALUES_MAX} values"));
        }
        match (&mut parent.node.shape, parent.key.take()) {
            (Shape::List(list), _) => list.push(node),
            (Shape::Map(entries), Some((key, at))) => entries.push((key, at, node)),
            (Shape::Map(_), None) => {
                let Some(text) = text else {
                    return Err("a list or a map cannot be a key; expected a word".into());
                };
                if !parent.keys.insert(text.to_string()) {
                    return Err(format!("the key `{text}` stands here twice"));
                }
                parent.key = Some((text.to_string(), place));
            }
            (Shape::Leaf, _) => {}
        }
        Ok(())
    }
}

impl Node {
    /// The place of the value at `path`, or of its key; `None` when the document has none.
    pub fn find(&self, path: &KeyPath, at_key: bool) -> Option<Place> {
        let (mut node, mut place) = (self, self.place);
        for segment in &path.0 {
            (node, place) = node.child(segment, at_key)?;
        }
        Some(place)
    }

    /// The same, or of the nearest value above it.
    pub fn find_nearest(&self, path: &KeyPath, at_key: bool) -> Place {
        let (mut node, mut place) = (self, self.place);
        for segment in &path.0 {
            match node.child(segment, at_key) {
                Some(found) => (node, place) = found,
                // The key of the parent is a better place than the first key inside it.
                None => break,
            }
        }
        place
    }

    fn child(&self, segment: &Segment, at_key: bool) -> Option<(&Node, Place)> {
        match (&self.shape, segment) {
            (Shape::List(list), Segment::Index(index)) => {
                list.get(*index).map(|node| (node, node.place))
            }
            (Shape::Map(entries), Segment::Key(wanted)) => entries
                .iter()
                .find(|(key, _, _)| key == wanted)
                .map(|(_, at, node)| (node, if at_key { *at } else { node.place })),
            _ => None,
        }
    }
}
