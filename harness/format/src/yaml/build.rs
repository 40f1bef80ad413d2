//! Events to a tree: places, duplicate keys, anchors, merge keys, budgets.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use granit_parser::{Event, ScalarStyle, StructureStyle, Tag};

use super::{MAX_ALIASED_NODES, MAX_DEPTH, MAX_NODES, scalar};
use crate::diagnostic::Diagnostic;
use crate::node::{Key, Node, NodeValue, Source, Span};

/// From here on a set finds duplicate keys faster than a look at each.
const MANY_KEYS: usize = 16;

/// The tree cannot be built further; the reason is reported.
pub(super) struct Stopped;

/// An open sequence or mapping.
struct Frame {
    span: Span,
    /// Of a block collection the parser's end lies on a later line.
    block: bool,
    anchor: usize,
    content: Content,
}

enum Content {
    Array(Vec<Node>),
    Object { members: Vec<(Key, Node)>, seen: HashSet<String>, key: Option<PendingKey>, merges: Vec<Node> },
}

enum PendingKey {
    Key(Key),
    Merge,
}

pub(super) struct Builder<'s> {
    source: &'s Arc<Source>,
    index: u16,
    frames: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    aliased: usize,
    problems: Vec<Diagnostic>,
}

/// A parser's place as ours.
pub(super) fn span_of(span: granit_parser::Span, text: &str, index: u16) -> Span {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let start = span.start.byte_offset().unwrap_or(0).min(text.len());
    let mut end = span.end.byte_offset().unwrap_or(start).clamp(start, text.len());
    // Block scalars end with the line break.
    end = start + text.get(start..end).map_or(0, |s| s.trim_end().len());
    Span {
        source: index,
        line: small(span.start.line().max(1)),
        column: small(span.start.col() + 1),
        start: small(start),
        end: small(end),
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        NodeValue::Array(items) => items.iter().map(size).sum(),
        NodeValue::Object(members) => members.iter().map(|(_, n)| size(n)).sum(),
        _ => 0,
    }
}

impl<'s> Builder<'s> {
    pub(super) fn new(source: &'s Arc<Source>, index: u16) -> Self {
        Self {
            source,
            index,
            frames: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            nodes: 0,
            aliased: 0,
            problems: Vec::new(),
        }
    }

    pub(super) fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    pub(super) fn into_problems(self) -> Vec<Diagnostic> {
        self.problems
    }

    pub(super) fn finish(self) -> Result<Node, Vec<Diagnostic>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        self.root.ok_or_else(|| {
            let span = super::first_place(self.index);
            vec![Diagnostic::error("empty-file", self.source, span, "the file is empty")]
        })
    }

    fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.problems.push(Diagnostic::error(code, self.source, span, message));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    pub(super) fn event(&mut self, event: Event<'_>, at: granit_parser::Span) -> Result<(), Stopped> {
        let span = span_of(at, &self.source.text, self.index);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if self.expects_key() {
                    self.key(text.into_owned(), style, span, anchor);
                    return Ok(());
                }
                let span = if span.start == span.end { self.place_of_nothing(span) } else { span };
                let value = self.scalar(&text, style, tag.as_deref(), span);
                self.charge(1, span)?;
                self.done(Node { value, span }, anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.open(span, style, anchor, tag.as_deref(), Content::Array(Vec::new()))
            }
            Event::MappingStart(style, anchor, tag) => {
                let content =
                    Content::Object { members: Vec::new(), seen: HashSet::new(), key: None, merges: Vec::new() };
                self.open(span, style, anchor, tag.as_deref(), content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(id) => {
                if self.expects_key() {
                    self.error("complex-key", span, "an alias cannot be a key").label = "write the key out".to_owned();
                    return Err(Stopped);
                }
                let Some((node, nodes)) = self.anchors.get(&id) else {
                    self.error("recursive-alias", span, "the alias stands inside the value that it names").label =
                        "refers to a value that is not complete".to_owned();
                    return Err(Stopped);
                };
                let nodes = *nodes;
                // Charged before the copy is made: that is what keeps an alias bomb cheap.
                if self.aliased + nodes > MAX_ALIASED_NODES {
                    return self.too_many_aliased(span);
                }
                let node = Node { value: node.value.clone(), span };
                self.aliased += nodes;
                self.charge(nodes, span)?;
                self.done(node, 0)
            }
            _ => Ok(()),
        }
    }

    fn too_many_aliased(&mut self, span: Span) -> Result<(), Stopped> {
        let message = format!("aliases expand to more than {MAX_ALIASED_NODES} values");
        self.error("too-many-aliases", span, message).label = "this alias is one too many".to_owned();
        Err(Stopped)
    }

    fn charge(&mut self, nodes: usize, span: Span) -> Result<(), Stopped> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            self.error("too-many-values", span, format!("the file holds more than {MAX_NODES} values"));
            return Err(Stopped);
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { content: Content::Object { key: None, .. }, .. }))
    }

    /// A missing value has no text to point at; its key has.
    fn place_of_nothing(&self, span: Span) -> Span {
        match self.frames.last() {
            Some(Frame { content: Content::Object { key: Some(PendingKey::Key(key)), .. }, .. }) => key.span,
            _ => span,
        }
    }

    fn key(&mut self, name: String, style: ScalarStyle, span: Span, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, (Node { value: NodeValue::String(name.clone()), span }, 1));
        }
        let Some(Frame { content: Content::Object { members, seen, key, .. }, .. }) = self.frames.last_mut() else {
            return;
        };
        if name == "<<" && style == ScalarStyle::Plain {
            *key = Some(PendingKey::Merge);
            return;
        }
        let known = if members.len() < MANY_KEYS {
            members.iter().any(|(k, _)| k.name == name)
        } else {
            if seen.is_empty() {
                seen.extend(members.iter().map(|(k, _)| k.name.clone()));
            }
            !seen.insert(name.clone())
        };
        if known {
            let line = members.iter().find(|(k, _)| k.name == name).map_or(0, |(k, _)| k.span.line);
            let message = format!("the key `{name}` is there twice");
            *key = Some(PendingKey::Key(Key { name, span }));
            self.error("duplicate-key", span, message).label = format!("first on line {line}");
        } else {
            *key = Some(PendingKey::Key(Key { name, span }));
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> NodeValue {
        if let Some(tag) = tag {
            match tag.core_suffix() {
                Some("str") => return NodeValue::String(text.to_owned()),
                Some("int" | "float" | "bool" | "null") => {}
                _ => self.unknown_tag(tag, span),
            }
        } else if style != ScalarStyle::Plain {
            return NodeValue::String(text.to_owned());
        }
        scalar::plain(text).unwrap_or_else(|scalar::Ambiguous(why)| {
            let problem = self.error("ambiguous-number", span, format!("`{text}` is ambiguous: {why}"));
            problem.label = "quote it".to_owned();
            problem.help = Some(format!("for text write \"{text}\""));
            NodeValue::Null
        })
    }

    fn unknown_tag(&mut self, tag: &Tag, span: Span) {
        let text = tag.original();
        self.error("unknown-tag", span, format!("the tag `{text}` means nothing here")).label =
            "scenario files need no tags".to_owned();
    }

    fn open(
        &mut self,
        span: Span,
        style: StructureStyle,
        anchor: usize,
        tag: Option<&Tag>,
        content: Content,
    ) -> Result<(), Stopped> {
        if self.expects_key() {
            self.error("complex-key", span, "a key must be text").label =
                "a mapping or sequence cannot be a key".to_owned();
            return Err(Stopped);
        }
        if self.frames.len() >= MAX_DEPTH {
            self.error("too-deep", span, format!("values nest deeper than {MAX_DEPTH} levels"));
            return Err(Stopped);
        }
        if let Some(tag) = tag
            && !matches!(tag.core_suffix(), Some("map" | "seq"))
        {
            self.unknown_tag(tag, span);
        }
        self.charge(1, span)?;
        self.frames.push(Frame { span, block: style == StructureStyle::Block, anchor, content });
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Stopped> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let mut span = frame.span;
        let (value, last) = match frame.content {
            Content::Array(items) => {
                let last = items.last().map(|n| n.span.end);
                (NodeValue::Array(items), last)
            }
            Content::Object { mut members, merges, .. } => {
                let last = members.last().map(|(k, n)| n.span.end.max(k.span.end));
                for merge in merges {
                    self.merge(&mut members, merge);
                }
                (NodeValue::Object(members), last)
            }
        };
        span.end = if frame.block { last.unwrap_or(end.start) } else { end.end }.max(span.start);
        self.done(Node { value, span }, frame.anchor)
    }

    /// Members of a merged mapping that are not there yet; earlier merges win.
    fn merge(&mut self, members: &mut Vec<(Key, Node)>, merged: Node) {
        let span = merged.span;
        match merged.value {
            NodeValue::Object(more) => {
                let known: HashSet<String> = members.iter().map(|(k, _)| k.name.clone()).collect();
                members.extend(more.into_iter().filter(|(k, _)| !known.contains(&k.name)));
            }
            NodeValue::Array(items) if items.iter().all(|n| matches!(n.value, NodeValue::Object(_))) => {
                for item in items {
                    self.merge(members, item);
                }
            }
            _ => {
                self.error("bad-merge", span, "`<<` takes a mapping or a list of mappings").label =
                    "neither of these".to_owned();
            }
        }
    }

    /// A complete value goes where it belongs.
    fn done(&mut self, node: Node, anchor: usize) -> Result<(), Stopped> {
        if anchor != 0 {
            let nodes = size(&node);
            // The copy for later aliases is charged too, or nested anchors would copy for free.
            self.aliased += nodes;
            if self.aliased > MAX_ALIASED_NODES {
                return self.too_many_aliased(node.span);
            }
            self.anchors.insert(anchor, (node.clone(), nodes));
        }
        match self.frames.last_mut() {
            None => self.root = Some(node),
            Some(Frame { content: Content::Array(items), .. }) => items.push(node),
            Some(Frame { content: Content::Object { members, key, merges, .. }, .. }) => match key.take() {
                Some(PendingKey::Key(key)) => members.push((key, node)),
                Some(PendingKey::Merge) => merges.push(node),
                None => {}
            },
        }
        Ok(())
    }
}
