//! Reports cost next to nothing: as few writes as they may have, and no time to speak of.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gauntlet_reports::{
    ConsoleReporter, Event, JsonReporter, JunitReporter, Redactor, Reporter, Style, SummaryBuilder,
};

const CASES: usize = 10_000;

/// Counts the writes.
#[derive(Clone, Default)]
struct Writes(Arc<AtomicUsize>);

impl std::io::Write for Writes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn ten_thousand_passes() {
    let mut events: Vec<Event> = (0..CASES)
        .map(|i| {
            let result = common::case(i, &format!("pack.scenario-{i}"), vec![common::pass_attempt()]);
            Event::CaseFinished(Box::new(result))
        })
        .collect();
    events.insert(0, common::run().swap_remove(0));
    let redactor = Redactor::new([
        ("token".to_owned(), "a-long-secret-token-of-the-target".to_owned()),
        ("other".to_owned(), "another/secret+value==".to_owned()),
    ]);

    let began = Instant::now();
    let writes = [Writes::default(), Writes::default(), Writes::default()];
    let folder = std::env::temp_dir();
    let mut reporters: [Box<dyn Reporter>; 3] = [
        Box::new(ConsoleReporter::new(writes[0].clone(), Style::default())),
        Box::new(JsonReporter::new(writes[1].clone())),
        Box::new(JunitReporter::new(writes[2].clone(), &folder).expect("a temporary file")),
    ];
    let mut totals = SummaryBuilder::default();
    let mut send = |event: &mut Event| {
        redactor.redact_event(event);
        totals.event(event);
        for reporter in &mut reporters {
            reporter.event(event).expect("written");
        }
    };
    events.iter_mut().for_each(&mut send);
    let summary = totals.build(1.0, None);
    assert_eq!(summary.pass as usize, CASES);
    for reporter in &mut reporters {
        reporter.event(&Event::RunFinished(summary.clone())).expect("written");
    }
    let took = began.elapsed();

    let count = |i: usize| writes[i].0.load(Ordering::Relaxed);
    assert_eq!(count(0), 1, "a pass is not worth a line");
    // One for each result, which is then there even if the run is killed.
    assert!(count(1) <= CASES + 2, "{} writes of JSON", count(1));
    assert!(count(2) < 200, "{} writes of JUnit", count(2));
    // Far above what it takes even unoptimised; a rewrite for each event would not fit.
    assert!(took < Duration::from_secs(10), "{took:?}");
}
