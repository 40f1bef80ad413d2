//! `gauntlet mock`

use std::io::Write;
use std::path::Path;

use gauntlet::repro::secrets::Finder;
use gauntlet::repro::stub::{RecordedServer, StubOptions};
use gauntlet_mocks::{JournalEntry, MockHandle, StartOptions};
use gauntlet_reports::{Redactor, sanitize};
use serde_json::{Map, Value, json};

use super::recording;
use crate::args::{MockArgs, RecordedArgs};
use crate::exit::{CommandError, Exit, Outcome};

pub(crate) fn run(args: MockArgs) -> Outcome {
    if args.list {
        return list();
    }
    let config = configuration(&args)?;
    if let Some(file) = &args.recorded.from {
        return serve_recorded(file, &args, config);
    }
    let name = args.name.clone().unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if args.stdio {
        let (reader, writer) = (Box::new(tokio::io::stdin()), Box::new(tokio::io::stdout()));
        let served = runtime.block_on(gauntlet_mocks::stdio::serve_stdio(&name, config, reader, writer));
        // Reading stdin is a blocking call that nothing interrupts.
        runtime.shutdown_background();
        return served.map(|_| Exit::Conforms).map_err(CommandError::usage);
    }
    runtime.block_on(async {
        let options = StartOptions { config, port: args.port, bind: args.bind, ..StartOptions::default() };
        let handle = gauntlet_mocks::start(&name, options).await.map_err(CommandError::usage)?;
        serve(&name, &handle, &mut Finder::new()).await
    })
}

/// A recording in place of a mock.
fn serve_recorded(file: &Path, args: &MockArgs, config: Value) -> Outcome {
    let RecordedArgs { pace, wrap, strict_headers, .. } = &args.recorded;
    let options = StubOptions {
        pace: (*pace).into(),
        wrap: *wrap,
        strict_headers: strict_headers.iter().map(|name| name.trim().to_ascii_lowercase()).collect(),
    };
    let recording = recording::of_side(file, args.recorded.behind.as_deref())?;
    // What is given to the client is as recorded; what is shown is not.
    let mut finder = Finder::new();
    recording.entries.iter().for_each(|entry| finder.learn(entry));
    let server = RecordedServer::new(recording, options);
    if server.questions() == 0 {
        return Err(CommandError::usage(format!("{} has no request that could be answered", file.display())));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if args.stdio {
        let served = runtime.block_on(server.serve_stdio(tokio::io::stdin(), tokio::io::stdout()));
        // Reading stdin is a blocking call that nothing interrupts.
        runtime.shutdown_background();
        return served.map(|()| Exit::Conforms).map_err(CommandError::infrastructure);
    }
    runtime.block_on(async {
        let options = StartOptions { config, port: args.port, bind: args.bind, ..StartOptions::default() };
        let handle = server.start(options).await.map_err(CommandError::usage)?;
        let requests = if server.questions() == 1 { "request" } else { "requests" };
        serve(&format!("{} recorded {requests} of {}", server.questions(), file.display()), &handle, &mut finder).await
    })
}

fn list() -> Outcome {
    let mut out = std::io::stdout().lock();
    for info in gauntlet_mocks::all() {
        writeln!(out, "{}  {}", info.name, info.title)?;
        for defect in info.defects {
            writeln!(out, "    {:<34} {}", defect.id, defect.summary)?;
        }
    }
    Ok(Exit::Conforms)
}

fn configuration(args: &MockArgs) -> Result<Value, CommandError> {
    let mut config = match &args.config {
        None => Map::new(),
        Some(path) => match read(path)? {
            Value::Object(config) => config,
            _ => {
                return Err(CommandError::usage(format!(
                    "{}: the configuration of a mock is a mapping",
                    path.display()
                )));
            }
        },
    };
    if !args.defect.is_empty() {
        let defects = config.entry("defects").or_insert_with(|| json!([]));
        if let Value::Array(list) = defects {
            list.extend(args.defect.iter().map(|d| Value::from(d.as_str())));
        }
    }
    Ok(Value::Object(config))
}

pub(super) fn read(path: &Path) -> Result<Value, CommandError> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| CommandError::usage(format!("cannot read {}: {e}", path.display())))?;
    let source = gauntlet_format::Source { path: path.to_owned(), text: text.into() };
    gauntlet_format::yaml::parse(&std::sync::Arc::new(source), 0).map(|node| node.to_json()).map_err(|found| {
        CommandError::usage(found.iter().map(|d| gauntlet_format::render::render(d, false)).collect::<String>())
    })
}

async fn serve(name: &str, handle: &MockHandle, finder: &mut Finder) -> Outcome {
    say(&format!("{name} at {}", handle.url()))?;
    for (variable, value) in handle.vars() {
        say(&format!("  {variable} = {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))?;
    }
    say("Ctrl-C ends it. Journal:")?;
    let mut journal = handle.journal().subscribe();
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Conforms),
            entry = journal.recv() => match entry {
                // The tokens that were handed out meanwhile are secret too; those listed above are the user's to see.
                Ok(entry) => say(&line(&entry, &redactor(handle), finder))?,
                Err(tokio::sync::broadcast::error::RecvError::Lagged(n)) => say(&format!("  … {n} requests not shown"))?,
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return Ok(Exit::Conforms),
            },
        }
    }
}

fn line(entry: &JournalEntry, redactor: &Redactor, finder: &mut Finder) -> String {
    let body: Value = serde_json::from_slice(&entry.body).unwrap_or_default();
    let method = body.get("method").and_then(Value::as_str).unwrap_or_default();
    let status = entry.response.as_ref().map_or_else(|| "---".to_owned(), |r| r.status.to_string());
    let answer = entry.response.as_ref().map(|r| finder.text(&redactor.redact(&String::from_utf8_lossy(&r.body))));
    let answer: String = answer.unwrap_or_default().replace('\n', " ").chars().take(160).collect();
    let text = format!(
        "#{:<4} {} {} {method} → {status} {answer}{}",
        entry.sequence,
        entry.method,
        redactor.redact(&entry.target),
        entry.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default(),
    );
    sanitize::inline(&finder.text(&text)).into_owned()
}

fn redactor(handle: &MockHandle) -> Redactor {
    let label = |value: &str| {
        let named = handle.vars().iter().find(|(_, v)| v.as_str() == Some(value));
        named.map_or_else(|| "secret".to_owned(), |(name, _)| name.clone())
    };
    Redactor::new(handle.secrets().into_iter().map(|value| (label(&value), value)))
}

/// Tells at once: whoever pipes the output waits for the URL.
fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
