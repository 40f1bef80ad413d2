//! The signatures known to a run.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_format::signature::{Reproduce, Signature};
use gauntlet_format::{Diagnostic, Source, Span};

/// Where those that come with Gauntlet stand in its repository.
const BUILTIN_PATH: &str = "scenarios/signatures.yaml";

/// Read when somebody needs them first: a run without a failure pays nothing for them.
static BUILTIN: LazyLock<Vec<Signature>> = LazyLock::new(|| {
    let source = Source { path: PathBuf::from(BUILTIN_PATH), text: crate::packs::SIGNATURES.into() };
    // A test holds the file to its format.
    Signature::parse_all(&Arc::new(source)).unwrap_or_default()
});

/// Whether a file of this name holds signatures, and not a scenario.
#[must_use]
pub fn is_signature_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name == "signatures.yaml" || (name.starts_with("signatures-") && name.ends_with(".yaml"))
}

/// Known failures: those that come with Gauntlet and a user's own.
#[derive(Debug, Clone, Default)]
pub struct Signatures {
    builtin: bool,
    own: Vec<Signature>,
}

impl Signatures {
    /// Those that come with Gauntlet. Costs nothing until they are looked at.
    #[must_use]
    pub const fn builtin() -> Self {
        Self { builtin: true, own: Vec::new() }
    }

    /// None at all.
    #[must_use]
    pub const fn none() -> Self {
        Self { builtin: false, own: Vec::new() }
    }

    /// Adds those of a file.
    ///
    /// # Errors
    /// Everything that is wrong with the file, ids that are taken included; nothing is added then.
    pub fn extend(&mut self, source: &Arc<Source>) -> Result<(), Vec<Diagnostic>> {
        let more = Signature::parse_all(source)?;
        let taken: Vec<Diagnostic> = more.iter().filter_map(|signature| self.taken(signature)).collect();
        if !taken.is_empty() {
            return Err(taken);
        }
        self.own.extend(more);
        Ok(())
    }

    fn taken(&self, signature: &Signature) -> Option<Diagnostic> {
        let other = self.get(&signature.id.name)?;
        let place = format!("{}:{}", other.source.path.display(), other.id.span.line);
        let message = format!("the id `{}` is taken", signature.id.name);
        Some(
            Diagnostic::error("duplicate-id", &signature.source, signature.id.span, message)
                .label(format!("also in {place}")),
        )
    }

    /// The signature with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Signature> {
        self.iter().find(|signature| signature.id.name == id)
    }

    /// All of them: those of Gauntlet, then the user's, each in the order of its file.
    pub fn iter(&self) -> impl Iterator<Item = &Signature> {
        let builtin: &[Signature] = if self.builtin { &BUILTIN } else { &[] };
        builtin.iter().chain(&self.own)
    }
}

/// Everything that is wrong with a file of signatures, names that lead nowhere included: scenarios that reproduce, mocks and
/// their defects.
#[must_use]
pub fn check(path: &Path, scenarios: &[&str]) -> Vec<Diagnostic> {
    let (text, unreadable) = match crate::runner::read_text(path) {
        Ok(text) => (text, None),
        Err(message) => (Arc::from(""), Some(message)),
    };
    let source = Arc::new(Source { path: path.to_owned(), text });
    if let Some(message) = unreadable {
        let span = Span { line: 1, column: 1, ..Span::default() };
        return vec![Diagnostic::error("unreadable", &source, span, message)];
    }
    match Signature::parse_all(&source) {
        Ok(signatures) => signatures.iter().flat_map(|signature| lint(signature, scenarios)).collect(),
        Err(problems) => problems,
    }
}

fn lint(signature: &Signature, scenarios: &[&str]) -> Vec<Diagnostic> {
    let Reproduce::Scenario { scenario, defect } = &signature.reproduce else { return Vec::new() };
    let unknown = |span, message: String, help: Option<String>| {
        Diagnostic::error("unknown-reproduction", &signature.source, span, message).label("unknown").maybe_help(help)
    };
    let mut found = Vec::new();
    if !scenarios.contains(&scenario.name.as_str()) {
        let help = did_you_mean(&scenario.name, scenarios.iter().copied());
        found.push(unknown(scenario.span, format!("there is no scenario `{}`", scenario.name), help));
    }
    if let Some(defect) = defect {
        match gauntlet_mocks::info(&defect.mock) {
            None => {
                let names = gauntlet_mocks::all().into_iter().map(|info| info.name);
                let help = did_you_mean(&defect.mock, names);
                found.push(unknown(defect.span, format!("there is no mock `{}`", defect.mock), help));
            }
            Some(info) if !info.defects.iter().any(|known| known.id == defect.id) => {
                let help = did_you_mean(&defect.id, info.defects.iter().map(|known| known.id));
                let message = format!("the mock {} has no defect `{}`", defect.mock, defect.id);
                found.push(unknown(defect.span, message, help));
            }
            Some(_) => {}
        }
    }
    found
}
