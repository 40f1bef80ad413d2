//! Turns the requirement catalogues into a table sorted by id, so that a run need not parse them, and embeds the packs.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "src/conformance/requirements/catalogue.rs"]
#[allow(unreachable_pub)]
mod catalogue;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../scenarios");
    let mut entries = Vec::new();
    for path in catalogues(&folder)? {
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        entries.extend(catalogue::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?);
    }
    entries.sort_by(|a, b| a.id.cmp(&b.id));
    if let Some(twice) = entries.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(format!("requirement `{}` stands in two catalogues", twice[0].id).into());
    }

    let mut table = String::from("&[\n");
    for entry in &entries {
        writeln!(
            table,
            "Requirement {{ id: {}, level: Level::{:?}, subject: Subject::{:?}, since: {}, until: {}, theme: {}, \
             transport: RequirementTransport::{:?}, statement: {}, observe: {}, note: {}, untestable: {}, spec: {}, source: {}, \
             evidence: {}, conformance: Cow::Borrowed(&[{}]) }},",
            text(&entry.id),
            entry.level,
            entry.subject,
            version(entry.since.as_deref()),
            version(entry.until.as_deref()),
            text(&entry.theme),
            entry.transport,
            text(&entry.statement),
            text(&entry.observe),
            optional(entry.note.as_deref()),
            optional(entry.untestable.as_deref()),
            optional(entry.spec.as_deref()),
            optional(entry.source.as_deref()),
            entry.evidence.map_or_else(|| "None".to_owned(), |e| format!("Some(Evidence::{e:?})")),
            entry.conformance.iter().map(|id| text(id)).collect::<Vec<_>>().join(", "),
        )?;
    }
    table.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("requirements.rs"), table)?;
    embed_packs(&folder)
}

/// `requirements.yaml`, and beside it one `requirements-….yaml` for each party that no specification speaks of.
fn catalogues(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut paths = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let name = path.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
        if path.extension().is_some_and(|e| e == "yaml")
            && (name == "requirements" || name.starts_with("requirements-"))
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// `FILES`: path from the repository's root and text of every file of every pack, sorted.
fn embed_packs(folder: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for pack in fs::read_dir(folder)? {
        let pack = pack?.path();
        if pack.is_dir() {
            for file in fs::read_dir(pack)? {
                files.push(file?.path());
            }
        }
    }
    files.retain(|f| f.extension().is_some_and(|e| e == "yaml"));
    files.sort();
    let mut table = String::from(
        "/// Path and text of each file, sorted by path.\npub(crate) static FILES: &[(&str, &str)] = &[\n",
    );
    for file in files {
        let shown = Path::new("scenarios").join(file.strip_prefix(folder)?);
        writeln!(
            table,
            "({:?}, include_str!({:?})),",
            shown.display().to_string(),
            file.canonicalize()?.display().to_string()
        )?;
    }
    table.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("packs.rs"), table)?;
    Ok(())
}

fn text(value: &str) -> String {
    format!("Cow::Borrowed({value:?})")
}

fn optional(value: Option<&str>) -> String {
    value.map_or_else(|| "None".to_owned(), |v| format!("Some({})", text(v)))
}

/// A version that does not exist stops the build at the variant's name.
fn version(value: Option<&str>) -> String {
    value.map_or_else(|| "None".to_owned(), |v| format!("Some(Version::V{})", v.replace('-', "_")))
}
