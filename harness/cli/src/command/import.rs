//! `gauntlet import`

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use anstream::eprintln;
use gauntlet::repro::diagnose;
use gauntlet::repro::har;
use gauntlet::repro::import::{self, Content, Format, Imported, Note, Only, Options, Servers};
use gauntlet::repro::recording::Recording;
use gauntlet::repro::scenario::{self, Expect, Known};
use gauntlet::repro::secrets::{self, Finder, Secret};
use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_reports::sanitize;

use super::recording::add_behind;
use super::selection;
use crate::args::{ImportAuth, ImportExpect, ImportFormat, ImportOnly, ImportReportArgs};
use crate::exit::{CommandError, Exit, Outcome};

pub(crate) fn run(args: &ImportReportArgs) -> Outcome {
    let options = options(args)?;
    let Imported { format, content, mut notes } = read(&args.file, &options)?;
    match content {
        Content::Servers(_) if !args.behind.is_empty() => {
            let problem = "it says which servers a client knows; `--behind` is for a recording in front of a target";
            return Err(CommandError::usage(format!("{}: {problem}", args.file.display())));
        }
        Content::Servers(servers) => write_servers(args, &servers, &notes)?,
        Content::Traffic(mut recording) => {
            notes.extend(add_behind(&mut recording, &args.behind)?);
            write_recording(args, format, recording, &notes)?;
        }
    }
    Ok(Exit::Conforms)
}

fn options(args: &ImportReportArgs) -> Result<Options, CommandError> {
    let mut variables = BTreeMap::new();
    for given in &args.var {
        let Some((name, value)) = given.split_once('=') else {
            return Err(CommandError::usage(format!("--var {given}: it is NAME=VALUE")));
        };
        variables.insert(name.to_owned(), value.to_owned());
    }
    let format = match args.format {
        ImportFormat::Auto => None,
        ImportFormat::Har => Some(Format::Har),
        ImportFormat::Curl => Some(Format::Curl),
        ImportFormat::Http => Some(Format::Http),
        ImportFormat::Config => Some(Format::Config),
        ImportFormat::Log => Some(Format::Log),
    };
    let only = match args.only {
        ImportOnly::Mcp => Only::Mcp,
        ImportOnly::All => Only::All,
    };
    Ok(Options { format, only, hosts: args.host.clone(), variables, ..Options::default() })
}

fn read(file: &Path, options: &Options) -> Result<Imported, CommandError> {
    let refused = |error: import::Error| CommandError::usage(sanitize::block(&error.to_string()));
    if file.as_os_str() == "-" {
        return import::open(io::stdin().lock(), "standard input", options).map_err(refused);
    }
    let name = file.display().to_string();
    let opened = File::open(file).map_err(|e| CommandError::usage(format!("cannot read {name}: {e}")))?;
    import::open(opened, &name, options).map_err(refused)
}

fn write_recording(
    args: &ImportReportArgs,
    format: Format,
    mut recording: Recording,
    notes: &[Note],
) -> Result<(), CommandError> {
    let number = recording.entries.len();
    let written = match args.output.as_deref() {
        Some(path) if is_har(path) => write_har(path, args.force, &mut recording)?,
        _ => write_scenario(args, &recording)?,
    };
    eprintln!("{format}, {number} {}", if number == 1 { "request" } else { "requests" });
    if let Some(said) = &written.said {
        eprintln!("  wrote     {}", sanitize::line(said, sanitize::MAX_LINE));
    }
    say_notes(notes);
    for note in &written.notes {
        eprintln!("  note      {}", sanitize::line(note, sanitize::MAX_LINE));
    }
    for secret in &written.redacted {
        eprintln!("  redacted  {}", sanitize::line(&secret.to_string(), sanitize::MAX_LINE));
    }
    if let Some(path) = &args.output {
        eprintln!("  file      {}", path.display());
    }
    if let Some(next) = &written.next {
        eprintln!("  next      {}", sanitize::line(next, sanitize::MAX_LINE));
    }
    Ok(())
}

fn is_har(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("har"))
}

fn write_scenario(args: &ImportReportArgs, recording: &Recording) -> Result<Written, CommandError> {
    let name = if args.file.as_os_str() == "-" { "standard input".to_owned() } else { args.file.display().to_string() };
    let expect = match args.expect {
        ImportExpect::Auto => Expect::Auto,
        ImportExpect::Seen => Expect::Seen,
        ImportExpect::Fixed => Expect::Fixed,
        ImportExpect::Conforming => Expect::Conforming,
    };
    let options = scenario::Options {
        id: args.id.clone(),
        target: args.role.clone(),
        expect,
        origin: args.origin.clone(),
        all_headers: args.all_headers,
        auth_of_target: args.auth == ImportAuth::Target,
        known: known(recording, expect, args.known.as_deref(), args.config.as_deref())?,
        source: Some(name.clone()),
        ..scenario::Options::default()
    };
    let draft = scenario::write(recording, &options)
        .map_err(|error| CommandError::usage(sanitize::block(&format!("{name}: {error}"))))?;
    match args.output.as_deref() {
        None => io::stdout().lock().write_all(draft.yaml.as_bytes())?,
        Some(path) if path.is_dir() => {
            return Err(CommandError::usage(format!("-o {}: it is a folder; name the file", path.display())));
        }
        Some(path) => write_file(path, args.force, &draft.yaml)?,
    }
    let mut next = vec![
        "gauntlet run".to_owned(),
        args.output.as_deref().map_or("FILE".to_owned(), |path| path.display().to_string()),
    ];
    next.extend(draft.needs.iter().map(|name| format!("--secret {name}")));
    let (steps, of) = (draft.steps, if draft.steps == 1 { "step" } else { "steps" });
    let expected = match draft.expect {
        Expect::Fixed => "it fails as long as the answers are bad",
        Expect::Conforming => "of bad answers it expects nothing but that the protocol is kept",
        Expect::Auto | Expect::Seen => "it expects what was seen",
    };
    let said = format!("scenario {} for the role {}, {steps} {of}; {expected}", draft.id, draft.target);
    Ok(Written { said: Some(said), notes: draft.notes, redacted: draft.redacted, next: Some(next.join(" ")) })
}

/// The known failures that decide what a scenario of the recording expects; those of the user's own file count as well. The one that the
/// user says it is goes before all others.
pub(super) fn known(
    recording: &Recording,
    expect: Expect,
    is: Option<&str>,
    config: Option<&Path>,
) -> Result<Vec<Known>, CommandError> {
    if matches!(expect, Expect::Seen | Expect::Conforming) {
        return Ok(Vec::new());
    }
    let signatures = selection::config(config)?.all_signatures().map_err(CommandError::usage)?;
    let mut known = diagnose::known(recording, &signatures, &secrets::Options::default());
    let Some(is) = is else { return Ok(known) };
    known.iter_mut().filter(|known| known.id == is).for_each(|known| known.is_sure = true);
    known.sort_by_key(|known| known.id != is);
    if known.first().is_some_and(|known| known.id == is) {
        return Ok(known);
    }
    let mut shown: Vec<&str> = known.iter().map(|known| known.id.as_str()).collect();
    shown.dedup();
    let shows = match shown.as_slice() {
        [] => "shows no known failure".to_owned(),
        shown => format!("does not show it, but {}", shown.join(", ")),
    };
    let all: Vec<&str> = signatures.iter().map(|signature| signature.id.name.as_str()).collect();
    Err(CommandError::usage(match did_you_mean(is, all.iter().copied()).filter(|_| !all.contains(&is)) {
        Some(meant) => format!("--known {is}: there is no such signature; {meant}"),
        None => format!("--known {is}: the recording {shows}"),
    }))
}

/// What is to be said of what was written.
struct Written {
    said: Option<String>,
    notes: Vec<String>,
    redacted: Vec<Secret>,
    next: Option<String>,
}

fn write_har(path: &Path, force: bool, recording: &mut Recording) -> Result<Written, CommandError> {
    let mut finder = Finder::new();
    recording.entries.iter().for_each(|entry| finder.learn(entry));
    recording.entries.iter_mut().for_each(|entry| finder.redact(entry));
    must_be_new(path, force)?;
    let written = har::Writer::create(path).and_then(|mut file| {
        recording.entries.iter().try_for_each(|entry| file.add(entry))?;
        file.finish()
    });
    written.map_err(|error| not_written(path, &error))?;
    let redacted = finder.summary().into_iter().filter(|secret| secret.times > 0).collect();
    Ok(Written { said: None, notes: Vec::new(), redacted, next: Some(format!("gauntlet replay {}", path.display())) })
}

fn write_servers(args: &ImportReportArgs, servers: &Servers, notes: &[Note]) -> Result<(), CommandError> {
    let mut wrote = Vec::new();
    match args.output.as_deref() {
        None => io::stdout().lock().write_all(servers.config.as_bytes())?,
        Some(folder) if folder.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") => {
            return Err(CommandError::usage(format!(
                "-o {}: of a client's configuration several files are made; name the folder for them",
                folder.display()
            )));
        }
        Some(folder) => {
            let scenarios = folder.join("scenarios");
            let files = [
                (folder.join("gauntlet.yaml"), &servers.config),
                (scenarios.join("imported-smoke.yaml"), &servers.scenario),
            ];
            files.iter().try_for_each(|(path, _)| must_be_new(path, args.force))?;
            fs::create_dir_all(&scenarios).map_err(|error| not_written(&scenarios, &error))?;
            for (path, text) in &files {
                write_file(path, args.force, text)?;
                wrote.push(path.display().to_string());
            }
        }
    }
    let number = servers.names.len();
    eprintln!("{}, {number} {}", Format::Config, if number == 1 { "server" } else { "servers" });
    say_notes(notes);
    for (name, what) in &servers.variables {
        eprintln!("  set       {name}: {}", sanitize::line(what, sanitize::MAX_LINE));
    }
    wrote.iter().for_each(|path| eprintln!("  file      {path}"));
    let first = servers.names.first().map_or("", String::as_str);
    if wrote.is_empty() {
        eprintln!("  next      gauntlet import {} -o FOLDER: gauntlet.yaml and a first scenario", args.file.display());
    } else {
        eprintln!("  next      gauntlet run imported.smoke --target {first}");
    }
    Ok(())
}

fn say_notes(notes: &[Note]) {
    for note in notes {
        eprintln!("  note      {}", sanitize::line(&note.to_string(), sanitize::MAX_LINE));
    }
}

fn write_file(path: &Path, force: bool, text: &str) -> Result<(), CommandError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).create_new(!force);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => is_there(path),
        _ => not_written(path, &error),
    })
}

fn must_be_new(path: &Path, force: bool) -> Result<(), CommandError> {
    if !force && path.symlink_metadata().is_ok() { Err(is_there(path)) } else { Ok(()) }
}

fn is_there(path: &Path) -> CommandError {
    CommandError::usage(format!("{} is there already; --force writes over it", path.display()))
}

fn not_written(path: &Path, error: &io::Error) -> CommandError {
    CommandError::usage(format!("cannot write {}: {error}", path.display()))
}
