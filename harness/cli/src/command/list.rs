//! `gauntlet list`

use std::io::{BufWriter, Write};
use std::sync::Mutex;

use gauntlet::runner::Loaded;
use gauntlet_format::Scenario;
use gauntlet_reports::sanitize;
use serde_json::json;

use super::selection;
use crate::args::{ListArgs, ListFormat};
use crate::exit::{CommandError, Exit, Outcome};

pub(crate) fn run(args: &ListArgs) -> Outcome {
    let config = selection::configured(&args.selection.config)?;
    let (set, filter) = selection::select(&args.selection, &config)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut broken = 0;
    let mut listed = 0;
    for batch in set.files.chunks(1024) {
        for loaded in load_all(&set, batch) {
            match loaded {
                Loaded::Scenario(scenario) if filter.takes(&scenario) => {
                    listed += 1;
                    write(&mut out, &scenario, args.format)?;
                }
                Loaded::Scenario(_) => {}
                Loaded::Broken { diagnostics, .. } => {
                    broken += 1;
                    out.flush()?;
                    super::check::show(&diagnostics)?;
                }
            }
        }
    }
    out.flush()?;
    if listed == 0 && broken == 0 {
        return Err(CommandError::usage("no scenario is selected; `gauntlet list` alone shows all there are"));
    }
    Ok(if broken > 0 { Exit::Usage } else { Exit::Conforms })
}

/// Parses files on all cores; order is kept.
pub(super) fn load_all(set: &gauntlet::ScenarioSet, files: &[gauntlet::runner::ScenarioFile]) -> Vec<Loaded> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(files.len().max(1));
    let results = Mutex::new(vec![None; files.len()]);
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(file) = files.get(i) else { return };
                    let loaded = set.load(file);
                    if let Ok(mut results) = results.lock() {
                        results[i] = Some(loaded);
                    }
                }
            });
        }
    });
    results.into_inner().unwrap_or_default().into_iter().flatten().collect()
}

fn write(out: &mut impl Write, scenario: &Scenario, format: ListFormat) -> std::io::Result<()> {
    let versions: Vec<_> = scenario.versions.iter().map(|v| v.as_str()).collect();
    match format {
        ListFormat::Text => {
            let title = sanitize::inline(&scenario.title);
            writeln!(out, "{:<48} {:<18} {title}", scenario.id, scenario.target.name)
        }
        ListFormat::Json => {
            let proves: Vec<_> = scenario.proves.iter().map(|k| k.name.as_str()).collect();
            let file = scenario.sources.first().map(|s| s.path.display().to_string());
            let line = json!({
                "id": scenario.id, "title": scenario.title, "target": scenario.target.name, "pack": scenario.pack,
                "tags": scenario.tags, "versions": versions, "proves": proves, "file": file,
            });
            writeln!(out, "{line}")
        }
    }
}
