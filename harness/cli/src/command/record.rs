//! `gauntlet record`

use std::io::Write as _;
use std::path::Path;

use anstream::eprintln;
use gauntlet::CancellationToken;
use gauntlet::repro::record::{
    self, Ended, HttpOptions, HttpRecorder, Note, RecordError, Sink, StdioOptions, Teller, Written,
};
use gauntlet::repro::{har, scenario};
use gauntlet_reports::sanitize;
use url::Url;

use super::interrupt::cancel_on_interrupt;
use crate::args::RecordArgs;
use crate::exit::{CommandError, Exit, Outcome};

/// Secrets that are listed at the end.
const SECRETS_SHOWN: usize = 20;

/// Added to the number of the signal that ended the command, as shells do.
const BY_SIGNAL: i32 = 128;

pub(crate) fn run(args: &RecordArgs, verbose: bool) -> Outcome {
    match (&args.upstream, args.command.split_first()) {
        (Some(upstream), _) => http(args, upstream),
        (None, Some((program, arguments))) => stdio(args, program, arguments, verbose),
        (None, None) => Err(CommandError::usage("record wants --upstream URL, or --stdio and a command behind `--`")),
    }
}

fn http(args: &RecordArgs, upstream: &Url) -> Outcome {
    let options = HttpOptions {
        listen: args.listen,
        upstream: upstream.clone(),
        ca: args.ca.clone(),
        rewrite: args.rewrite,
        keep_host: args.keep_host,
        max_body: args.max_body,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let stop = CancellationToken::new();
    let written = runtime.block_on(async {
        let recorder = HttpRecorder::bind(options).await?;
        let sink = start(&args.output, (!args.rewrite).then_some(upstream), Box::new(|note| show(&note)))?;
        if !recorder.address().ip().is_loopback() {
            eprintln!(
                "warning: {} can be reached from other machines: whoever reaches it reaches the upstream, and is recorded",
                recorder.address()
            );
        }
        let inlet = sink.inlet();
        let serving = async {
            announce(&recorder.url(), upstream)?;
            recorder.serve(inlet, &stop).await;
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
        write_scenario(&written, path, true)?;
    }
    Ok(Exit::Conforms)
}

fn announce(url: &str, upstream: &Url) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    // At once: whoever pipes the output waits for the URL.
    writeln!(out, "recorder at {url} in front of {upstream}")?;
    out.flush()?;
    eprintln!("Ctrl-C ends it.");
    Ok(())
}

fn stdio(args: &RecordArgs, program: &str, arguments: &[String], verbose: bool) -> Outcome {
    let options = StdioOptions { program: program.to_owned(), arguments: arguments.to_vec(), max_body: args.max_body };
    // What the client sees of standard error is the command's, unless more was asked for.
    let tell: Teller = if verbose { Box::new(|note| show(&note)) } else { Box::new(|_| {}) };
    let sink = start(&args.output, None, tell)?;
    let ended = record::tap(&options, sink.inlet());
    let written = sink.finish();
    let ended = ended?;
    let told = written.map_err(CommandError::from).and_then(|written| {
        if verbose {
            summary(&written);
        }
        args.scenario.as_ref().map_or(Ok(()), |path| write_scenario(&written, path, verbose))
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

fn start(output: &Path, upstream: Option<&Url>, tell: Teller) -> Result<Sink, RecordError> {
    Sink::create(&record::reserve(output)?, upstream, tell)
}

fn show(note: &Note<'_>) {
    match note {
        Note::Exchange { number, entry } => eprintln!("{number:>4}  {}", sanitize::inline(&record::line(entry))),
        Note::NamesUpstream { place } => eprintln!(
            "warning: the upstream names itself in {}: a client that follows goes past the recorder; --rewrite puts the recorder there",
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
fn write_scenario(written: &Written, to: &Path, is_told: bool) -> Result<(), CommandError> {
    let file = written.path.display().to_string();
    let refused = |error: &dyn std::fmt::Display| {
        CommandError::infrastructure(sanitize::block(&format!("no scenario was made of {file}: {error}")))
    };
    let (recording, _) = har::load(&written.path, &har::Limits::default()).map_err(|error| refused(&error))?;
    let options = scenario::Options { source: Some(file.clone()), ..scenario::Options::default() };
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
