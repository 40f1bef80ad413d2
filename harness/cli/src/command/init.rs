//! `gauntlet init`

use std::fs;
use std::io::Write as _;
use std::path::Path;

use url::Url;

use crate::args::InitArgs;
use crate::exit::{CommandError, Exit, Outcome};

const CONFIG: &str = include_str!("../../templates/gauntlet.yaml");
const CONFIG_URL: &str = include_str!("../../templates/gauntlet-url.yaml");
const SCENARIO: &str = include_str!("../../templates/tools-list.yaml");
const WORKFLOW: &str = include_str!("../../templates/workflow.yaml");

pub(crate) fn run(args: &InitArgs) -> Outcome {
    let config = match &args.url {
        None => CONFIG.to_owned(),
        Some(url) => {
            let parsed = Url::parse(url).map_err(|e| CommandError::usage(format!("`{url}` is not a URL: {e}")))?;
            if !matches!(parsed.scheme(), "http" | "https") {
                return Err(CommandError::usage(format!("`{url}` is neither http nor https")));
            }
            CONFIG_URL.replace("URL", parsed.as_str())
        }
    };
    let files = [
        ("gauntlet.yaml", config.as_str()),
        ("scenarios/tools-list.yaml", SCENARIO),
        (".github/workflows/gauntlet.yml", WORKFLOW),
    ];
    let mut out = std::io::stdout().lock();
    for (name, text) in files {
        let path = args.folder.join(name);
        if write_new(&path, text)? {
            writeln!(out, "  wrote  {}", path.display())?;
        } else {
            writeln!(out, "  kept   {} (it was there)", path.display())?;
        }
    }
    writeln!(out, "  next   gauntlet run")?;
    Ok(Exit::Conforms)
}

/// Writes a file that is not there yet; what is there stays as it is.
fn write_new(path: &Path, text: &str) -> std::io::Result<bool> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
