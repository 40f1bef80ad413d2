//! `gauntlet record`

use std::io::Write as _;
use std::path::Path;

use anstream::eprintln;
use gauntlet::CancellationToken;
use gauntlet::repro::har;
use gauntlet::repro::record::{
    self, Ended, HttpOptions, HttpRecorder, Note, RecordError, Sink, StdioOptions, Teller, Written,
};
use gauntlet::repro::scenario::{self, Expect};
use gauntlet_reports::sanitize;
use url::Url;

use super::import::known;
use super::interrupt::cancel_on_interrupt;
use crate::args::{Behind, RecordArgs};
use crate::exit::{CommandError, Exit, Outcome};

/// Secrets that are listed at the end.
const SECRETS_SHOWN: usize = 20;

/// Added to the number of the signal that ended the command, as shells do.
const BY_SIGNAL: i32 = 128;

pub(crate) fn run(args: &RecordArgs, verbose: bool) -> Outcome {
    match (&args.upstream, args.command.split_first()) {
        (Some(upstream), _) => http(args, upstream),
        (None, Some((program, arguments))) => match of_http(args).filter(|_| args.behind.is_empty()) {
            Some(option) => {
                Err(CommandError::usage(format!("{option} is for HTTP: with --stdio it goes with --behind NAME=URL")))
            }
            None => stdio(args, program, arguments, verbose),
        },
        (None, None) => Err(CommandError::usage("record wants --upstream URL, or --stdio and a command behind `--`")),
    }
}

/// An option that says how to ask over HTTP.
fn of_http(args: &RecordArgs) -> Option<&'static str> {
    let given = [("--ca", args.ca.is_some()), ("--rewrite", args.rewrite), ("--keep-host", args.keep_host)];
    given.into_iter().find(|(_, is_given)| *is_given).map(|(name, _)| name)
}

fn http(args: &RecordArgs, upstream: &Url) -> Outcome {
    let front = HttpOptions { listen: args.listen, ..options(args, None, upstream) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let stop = CancellationToken::new();
    let written = runtime.block_on(async {
        let recorders = bind(std::iter::once(front).chain(behind(args)?)).await?;
        let sink = start(&args.output, &recorders, Box::new(|note| show(&note)))?;
        let inlet = sink.inlet();
        let serving = async {
            announce(&recorders)?;
            record::serve_all(recorders, &inlet, &stop).await;
            Ok(sink)
        };
        tokio::select! {
            // First, so that an interrupt is waited for before anybody is told that it may come.
            biased;
            () = cancel_on_interrupt(stop.clone()) => Err(CommandError::infrastructure("interrupted")),
            served = serving => served,
        }
    })?;
    // Of somebody who does not want to wait for the file.
    runtime.spawn(cancel_on_interrupt(stop));
    // Connections to the upstream end meanwhile.
    let written = written.finish();
    runtime.shutdown_background();
    let written = written?;
    summary(&written);
    if let Some(path) = &args.scenario {
        write_scenario(&written, path, args.config.as_deref(), true)?;
    }
    Ok(Exit::Conforms)
}

fn options(args: &RecordArgs, behind: Option<String>, upstream: &Url) -> HttpOptions {
    HttpOptions {
        behind,
        listen: args.listen,
        upstream: upstream.clone(),
        ca: args.ca.clone(),
        rewrite: args.rewrite,
        keep_host: args.keep_host,
        max_body: args.max_body,
    }
}

/// What stands behind the server.
fn behind(args: &RecordArgs) -> Result<Vec<HttpOptions>, CommandError> {
    for (at, behind) in args.behind.iter().enumerate() {
        if args.behind[..at].iter().any(|other| other.name == behind.name) {
            let name = sanitize::line(&behind.name, 64);
            return Err(CommandError::usage(format!(
                "--behind: `{name}` is given twice; each upstream has a name of its own"
            )));
        }
    }
    let one = |behind: &Behind| HttpOptions {
        listen: behind.listen,
        ..options(args, Some(behind.name.clone()), &behind.upstream)
    };
    Ok(args.behind.iter().map(one).collect())
}

async fn bind(options: impl IntoIterator<Item = HttpOptions>) -> Result<Vec<HttpRecorder>, CommandError> {
    let mut recorders = Vec::new();
    for options in options {
        let recorder = HttpRecorder::bind(options).await?;
        if !recorder.address().ip().is_loopback() {
            eprintln!(
                "warning: {} can be reached from other machines: whoever reaches it reaches what is behind it, and is recorded",
                recorder.address()
            );
        }
        recorders.push(recorder);
    }
    Ok(recorders)
}

fn announce(recorders: &[HttpRecorder]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for recorder in recorders {
        writeln!(out, "{}", said_of(recorder))?;
    }
    // At once: whoever pipes the output waits for the URL.
    out.flush()?;
    eprintln!("Ctrl-C ends it.");
    Ok(())
}

fn said_of(recorder: &HttpRecorder) -> String {
    let HttpOptions { behind, upstream, .. } = recorder.options();
    match behind {
        None => format!("recorder at {} in front of {upstream}", recorder.url()),
        Some(name) => format!("recorder at {} behind it, in front of {name} at {upstream}", recorder.url()),
    }
}

fn stdio(args: &RecordArgs, program: &str, arguments: &[String], verbose: bool) -> Outcome {
    let options = StdioOptions { program: program.to_owned(), arguments: arguments.to_vec(), max_body: args.max_body };
    // What the client sees of standard error is the command's, unless more was asked for.
    let tell: Teller = if verbose { Box::new(|note| show(&note)) } else { Box::new(|_| {}) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let recorders = runtime.block_on(bind(behind(args)?))?;
    if verbose {
        recorders.iter().for_each(|recorder| eprintln!("{}", said_of(recorder)));
    }
    let sink = start(&args.output, &recorders, tell)?;
    let (inlet, stop) = (sink.inlet(), CancellationToken::new());
    let stopping = stop.clone();
    let serving = runtime.spawn(async move { record::serve_all(recorders, &inlet, &stopping).await });
    let ended = record::tap(&options, sink.inlet());
    stop.cancel();
    let served = runtime.block_on(serving);
    let written = sink.finish();
    runtime.shutdown_background();
    let ended = ended?;
    served.map_err(|_| RecordError::Broken)?;
    let told = written.map_err(CommandError::from).and_then(|written| {
        if verbose {
            summary(&written);
        }
        args.scenario.as_ref().map_or(Ok(()), |path| write_scenario(&written, path, args.config.as_deref(), verbose))
    });
    // The command was the client's, and has done what it was to do.
    if let Err(error) = told {
        error.report();
    }
    std::process::exit(match ended {
        Ended::Code(code) => code.into(),
        Ended::Signal(signal) => BY_SIGNAL + signal,
    });
}

fn start(output: &Path, recorders: &[HttpRecorder], tell: Teller) -> Result<Sink, RecordError> {
    let watched = recorders.iter().filter_map(HttpRecorder::watched).collect();
    Sink::create(&record::reserve(output)?, watched, tell)
}

fn show(note: &Note<'_>) {
    match note {
        Note::Exchange { number, entry } => eprintln!("{number:>4}  {}", sanitize::inline(&record::line(entry))),
        Note::NamesUpstream { behind, place } => eprintln!(
            "warning: {} names itself in {}: whoever follows goes past the recorder; --rewrite puts the recorder there",
            behind.as_deref().unwrap_or("the upstream"),
            sanitize::line(place, sanitize::MAX_LINE)
        ),
        Note::Lost(error) => eprintln!("warning: nothing more is recorded: {error}; what was recorded before is kept"),
    }
}

/// What was recorded, and what can be done with it.
fn summary(written: &Written) {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    eprintln!("Recorded {}", count(written.exchanges, "exchange"));
    let secrets: Vec<_> = written.secrets.iter().filter(|secret| secret.times > 0).collect();
    for secret in secrets.iter().take(SECRETS_SHOWN) {
        line("redacted", &secret.to_string());
    }
    if secrets.len() > SECRETS_SHOWN {
        line("redacted", &format!("and {} more", secrets.len() - SECRETS_SHOWN));
    }
    if written.left_out > 0 {
        line("left out", &format!("{} bytes of bodies; see --max-body", written.left_out));
    }
    let file = written.path.display();
    line("file", &file.to_string());
    if written.exchanges > 0 {
        line("next", &format!("gauntlet diagnose {file}"));
        line("next", &format!("gauntlet import {file}"));
    }
}

fn line(what: &str, text: &str) {
    eprintln!("  {what:<9} {}", sanitize::line(text, sanitize::MAX_LINE));
}

/// Writes a scenario of what was recorded.
fn write_scenario(written: &Written, to: &Path, config: Option<&Path>, is_told: bool) -> Result<(), CommandError> {
    let file = written.path.display().to_string();
    let refused = |error: &dyn std::fmt::Display| {
        CommandError::infrastructure(sanitize::block(&format!("no scenario was made of {file}: {error}")))
    };
    let (recording, _) = har::load(&written.path, &har::Limits::default()).map_err(|error| refused(&error))?;
    let known = known(&recording, Expect::Auto, None, config)?;
    let options = scenario::Options { source: Some(file.clone()), known, ..scenario::Options::default() };
    let draft = scenario::write(&recording, &options).map_err(|error| refused(&error))?;
    let path = record::reserve(to)?;
    std::fs::write(&path, &draft.yaml).map_err(|error| refused(&error))?;
    if is_told {
        draft.notes.iter().for_each(|note| line("note", note));
        let path = path.display();
        line("file", &format!("{path}: scenario {}, {} steps", draft.id, draft.steps));
        let secrets: String = draft.needs.iter().map(|name| format!(" --secret {name}")).collect();
        line("next", &format!("gauntlet run {path}{secrets}"));
    }
    Ok(())
}

impl From<RecordError> for CommandError {
    fn from(error: RecordError) -> Self {
        let said = error.to_string();
        let said = sanitize::block(&said);
        match error {
            RecordError::Upstream { .. } | RecordError::Authorities { .. } | RecordError::Reserve { .. } => {
                Self::usage(said)
            }
            _ => Self::infrastructure(said),
        }
    }
}
