//! `compare` of a `received` step: both hops of each request, held against each other.

use gauntlet_format::{Dotted, Key, Node, NodeValue, Span};
use serde_json::Value;

use super::super::case::{Stop, World};
use super::super::check::Origin;
use super::super::relation::{Arrived as Pairable, Cause, Comparison, Side, causes};
use super::super::view::{answered, sent};
use super::received::Arrived;
use crate::lifecycle::Spoken;
use crate::transcript::Recorded;

/// What a block of expectations says of all its checks.
pub(super) struct Block<'b> {
    pub ids: &'b [String],
    pub because: Option<&'b str>,
}

/// One way of a pair: the request, or the answer.
struct Way<'a> {
    origin: Origin,
    comparison: Comparison<'a>,
    /// What the labels of its checks begin with.
    label: String,
    /// What is to be compared comes from our own client: if it is not there, the scenario is wrong and not the target.
    is_own: bool,
}

/// A request that arrived, and the client's exchange that caused it.
struct Pair<'a> {
    arrived: &'a Arrived,
    /// Number in the record.
    number: usize,
    spoken: Spoken,
    /// `client → gateway`
    outer: String,
    /// `gateway → server`
    inner: String,
}

impl World<'_> {
    /// Judges each request; one that no client caused, and that there is none, speaks against the target.
    pub(super) fn compare(
        &self,
        origin: &Origin,
        client: Option<&str>,
        block: &Block<'_>,
        node: &Node,
        arrived: &[Arrived],
    ) -> Result<(), Stop> {
        let target = &self.instance.name;
        if arrived.is_empty() {
            let reason = format!("nothing arrived behind {target}, so there is nothing to compare");
            self.with_checks(|c| {
                c.related(origin, "compare".to_owned(), block.ids, block.because, Err(reason), node.span, None);
            });
            return Ok(());
        }
        let (clients, numbers) = self.outer_exchanges(client, node.get("with").and_then(Node::as_str), node.span)?;
        let outer: Vec<Cause> = clients.iter().map(Cause::of).collect();
        let inner: Vec<Pairable> = arrived.iter().map(|a| Pairable::of(&a.entry)).collect();
        for (i, (arrived_one, cause)) in arrived.iter().zip(causes(&outer, &inner)).enumerate() {
            let prefix = if arrived.len() == 1 { String::new() } else { format!("requests[{i}].") };
            let Some(cause) = cause else {
                let reason = format!("{target} asked {} before any client had asked {target}", arrived_one.mock);
                let label = format!("{prefix}compare");
                self.with_checks(|c| c.related(origin, label, block.ids, block.because, Err(reason), node.span, None));
                continue;
            };
            let recorded = &clients[cause];
            let Some(spoken) = spoken(recorded, numbers[cause]) else {
                return Err(Stop::error("the client's request has no answer yet; compare after it", Some(node.span)));
            };
            let pair = Pair {
                arrived: arrived_one,
                number: numbers[cause],
                spoken,
                outer: format!("{} → {}", recorded.from, recorded.to),
                inner: format!("{target} → {}", arrived_one.mock),
            };
            self.compare_pair(origin, block, node, &pair, &prefix)?;
        }
        Ok(())
    }

    /// The exchanges of the clients that may have caused something, and their numbers in the record.
    fn outer_exchanges(
        &self,
        client: Option<&str>,
        step: Option<&str>,
        span: Span,
    ) -> Result<(Vec<Recorded>, Vec<usize>), Stop> {
        let numbers_of_step = step.map(|name| self.numbers_of(name));
        let exchanges: Vec<(usize, Recorded)> = self
            .recorder
            .since(0)
            .into_iter()
            .enumerate()
            .filter(|(_, r)| client.is_none_or(|client| *r.from == *client))
            .filter(|(_, r)| numbers_of_step.as_ref().is_none_or(|n| r.step.is_some_and(|step| n.contains(&step))))
            .collect();
        if exchanges.is_empty() {
            let who = step.map(|s| format!("the step `{s}`")).or_else(|| client.map(|c| format!("the client `{c}`")));
            let reason = format!("{} has sent nothing to compare with", who.unwrap_or_else(|| "no client".to_owned()));
            return Err(Stop::error(reason, Some(span)));
        }
        Ok(exchanges.into_iter().map(|(number, recorded)| (recorded, number)).unzip())
    }

    fn compare_pair(
        &self,
        origin: &Origin,
        block: &Block<'_>,
        node: &Node,
        pair: &Pair<'_>,
        prefix: &str,
    ) -> Result<(), Stop> {
        let origin = Origin { exchange: Some(pair.number), arrived: Some(pair.arrived.place()), ..origin.clone() };
        let client_sent = sent(&pair.spoken);
        let absent = relations(node).find(|(relation, _)| *relation == "absent");
        if let Some((_, path)) = absent.filter(|_| pair.arrived.entry.body_truncated > 0) {
            let reason = format!(
                "the body that reached {} was too large to keep, so that nothing can be shown to be absent from it",
                pair.arrived.mock
            );
            return Err(Stop::error(reason, Some(path.span)));
        }
        let texts = pair.arrived.texts();
        let request = Way {
            origin,
            comparison: Comparison {
                origin: Side { hop: &pair.outer, exchange: &client_sent },
                end: Side { hop: &pair.inner, exchange: &pair.arrived.seen },
                texts: &texts,
            },
            label: format!("{prefix}compare"),
            is_own: true,
        };
        self.compare_way(block, node, &request)?;
        let Some(answer) = node.get("answer") else { return Ok(()) };
        let target = &self.instance.name;
        let client_got = answered(&pair.spoken);
        let mock_said = pair.arrived.seen.get("response").cloned().unwrap_or_default();
        let texts = answer_texts(&pair.spoken);
        let way_back = Way {
            origin: Origin { arrived: None, ..request.origin.clone() },
            comparison: Comparison {
                origin: Side { hop: &format!("{} → {target}", pair.arrived.mock), exchange: &mock_said },
                end: Side { hop: &format!("{target} → {}", pair.spoken_by()), exchange: &client_got },
                texts: &texts,
            },
            label: format!("{prefix}compare.answer"),
            is_own: false,
        };
        self.compare_way(block, answer, &way_back)
    }

    /// Each path of each relation is a check.
    fn compare_way(&self, block: &Block<'_>, node: &Node, way: &Way<'_>) -> Result<(), Stop> {
        for (relation, path) in relations(node) {
            let text = path.as_str().unwrap_or_default();
            let dotted = Dotted::parse(text)
                .map_err(|e| Stop::error(format!("`{text}` is not a path: {e}"), Some(path.span)))?;
            let outcome = match way.comparison.judge(relation, &dotted, text, path.span) {
                Err(baseless) if way.is_own => return Err(Stop::error(baseless.0, Some(path.span))),
                outcome => outcome.map_err(|baseless| baseless.0),
            };
            let evidence = way.comparison.evidence(relation, &dotted, path.span);
            let label = format!("{}.{relation} {text}", way.label);
            self.with_checks(|c| c.related(&way.origin, label, block.ids, block.because, outcome, path.span, evidence));
        }
        Ok(())
    }

    /// Numbers of the steps of that name.
    fn numbers_of(&self, name: &str) -> Vec<usize> {
        fn walk(steps: &[gauntlet_format::Step], number: &mut usize, name: &str, found: &mut Vec<usize>) {
            for step in steps {
                if step.name.as_deref() == Some(name) {
                    found.extend(*number..*number + super::count(step));
                }
                *number += 1;
                if let gauntlet_format::StepKind::Parallel(inner)
                | gauntlet_format::StepKind::Repeat { steps: inner, .. } = &step.kind
                {
                    walk(inner, number, name, found);
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.case.scenario.steps, &mut 0, name, &mut found);
        found
    }
}

impl Pair<'_> {
    fn spoken_by(&self) -> &str {
        self.outer.split(" → ").next().unwrap_or_default()
    }
}

/// The relations of a `compare` or of its `answer`, each with one of its paths.
fn relations(node: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let members: &[(Key, Node)] = match &node.value {
        NodeValue::Object(members) => members,
        _ => &[],
    };
    members
        .iter()
        .filter_map(|(key, list)| match (key.name.as_str(), &list.value) {
            (name @ ("same" | "absent" | "changed"), NodeValue::Array(paths)) => Some((name, paths)),
            _ => None,
        })
        .flat_map(|(name, paths)| paths.iter().map(move |path| (name, path)))
}

fn spoken(recorded: &Recorded, number: usize) -> Option<Spoken> {
    let message = match &recorded.said {
        Some(said) => Some(said.as_ref().clone()),
        None => serde_json::from_slice::<Value>(&recorded.request.body).ok(),
    };
    Some(Spoken {
        number,
        request: std::sync::Arc::clone(&recorded.request),
        id: message.and_then(|m| m.get("method").and(m.get("id")).cloned()),
        reply: std::sync::Arc::clone(recorded.reply.as_ref()?),
    })
}

/// All texts of what the client got, with their places.
fn answer_texts(spoken: &Spoken) -> Vec<(String, String)> {
    let headers = spoken.reply.headers.iter().map(|(name, value)| (format!("headers.{name}"), value.clone()));
    let view = super::super::view::View { spoken: Some(spoken.clone()), ..Default::default() };
    let body = ["body", "messages", "$sse"]
        .into_iter()
        .filter_map(|name| Some(("body".to_owned(), view.member(name)?.to_string())));
    headers.chain(body).collect()
}
