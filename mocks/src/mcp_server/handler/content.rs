//! Resources, prompts and completions.

use rmcp::ErrorData;
use rmcp::model::*;

/// The resource that `write_note` changes.
pub(super) const NOTE: &str = "gauntlet://notes/latest";
/// How many calls of `slow` are running: shows whether a cancelled call ended.
const RUNNING: &str = "gauntlet://calls/running";

/// What resources show that does not stay the same.
#[derive(Debug, Default)]
pub(super) struct Changing {
    pub(super) note: String,
    pub(super) running: usize,
}

/// Whether the contents of a resource change.
pub(super) fn changes(uri: &str) -> bool {
    [NOTE, RUNNING].contains(&uri)
}

/// A PNG of one transparent pixel, in base64.
pub(super) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// A WAV file without samples, in base64.
pub(super) const SILENCE: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

const LANGUAGES: &[&str] = &["go", "java", "python", "ruby", "rust", "typescript"];
const TONES: &[&str] = &["brief", "formal", "friendly"];

pub(super) fn resources() -> Vec<Resource> {
    let text = |uri: &str, name: &str| Resource::new(uri, name).with_mime_type("text/plain");
    vec![
        text("gauntlet://greeting", "greeting").with_description("A fixed greeting"),
        text(NOTE, "latest-note").with_description("What the tool write_note wrote last"),
        Resource::new("gauntlet://pixel", "pixel").with_mime_type("image/png").with_description("One pixel"),
        text("gauntlet://chapters/1", "chapter-1"),
        text("gauntlet://chapters/2", "chapter-2"),
        text("gauntlet://chapters/3", "chapter-3"),
        text(RUNNING, "running-calls").with_description("How many calls of the tool slow have not ended"),
    ]
}

pub(super) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new("gauntlet://chapters/{number}", "chapter").with_mime_type("text/plain"),
        ResourceTemplate::new("gauntlet://squares/{number}", "square")
            .with_mime_type("text/plain")
            .with_description("The square of a whole number"),
    ]
}

/// The contents of a resource; none if there is no such.
pub(super) fn read(uri: &str, changing: &Changing) -> Option<Vec<ResourceContents>> {
    let text = |text: String| Some(vec![ResourceContents::text(text, uri).with_mime_type("text/plain")]);
    match uri.strip_prefix("gauntlet://")? {
        "greeting" => text("Hello from Gauntlet".to_owned()),
        "notes/latest" => text(changing.note.clone()),
        "calls/running" => text(changing.running.to_string()),
        "pixel" => Some(vec![ResourceContents::blob(PIXEL, uri).with_mime_type("image/png")]),
        path => {
            let (kind, number) = path.split_once('/')?;
            match (kind, number.parse::<u32>().ok()?) {
                ("chapters", number @ 1..=3) => text(format!("This is chapter {number}.")),
                ("squares", number) => text((u64::from(number) * u64::from(number)).to_string()),
                _ => None,
            }
        }
    }
}

pub(super) fn prompts() -> Vec<Prompt> {
    let required = |name: &str, what: &str| PromptArgument::new(name).with_description(what).with_required(true);
    vec![
        Prompt::new(
            "greet",
            Some("Greets somebody"),
            Some(vec![
                required("name", "Who is greeted"),
                PromptArgument::new("tone").with_description("How").with_required(false),
            ]),
        ),
        Prompt::new("explain", Some("Explains a language"), Some(vec![required("language", "Which language")])),
        Prompt::new("illustrate", Some("Shows a picture"), None),
        Prompt::new("quote", Some("Quotes the greeting resource"), None),
        Prompt::new("plain", Some("A fixed text"), None),
    ]
}

/// Answers `prompts/get`.
pub(super) fn prompt(request: &GetPromptRequestParams) -> Result<GetPromptResult, ErrorData> {
    let known = prompts();
    let prompt = known
        .iter()
        .find(|p| p.name == request.name)
        .ok_or_else(|| ErrorData::invalid_params(format!("Unknown prompt: {}", request.name), None))?;
    let given = |name: &str| -> Result<Option<&str>, ErrorData> {
        match request.arguments.as_ref().and_then(|a| a.get(name)) {
            None => Ok(None),
            Some(serde_json::Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ErrorData::invalid_params(format!("argument `{name}` must be a string"), None)),
        }
    };
    for argument in prompt.arguments.iter().flatten() {
        if given(&argument.name)?.is_none() && argument.required == Some(true) {
            return Err(ErrorData::invalid_params(format!("Missing argument: {}", argument.name), None));
        }
    }
    let message = match request.name.as_str() {
        "greet" => {
            let name = given("name")?.unwrap_or_default();
            let tone = given("tone")?.unwrap_or("friendly");
            PromptMessage::new_text(Role::User, format!("Greet {name} in a {tone} tone."))
        }
        "explain" => {
            let language = given("language")?.unwrap_or_default();
            PromptMessage::new_text(Role::User, format!("Explain {language}."))
        }
        "illustrate" => PromptMessage::new(Role::User, ContentBlock::image(PIXEL, "image/png")),
        "quote" => PromptMessage::new(
            Role::User,
            ContentBlock::resource(
                ResourceContents::text("Hello from Gauntlet", "gauntlet://greeting").with_mime_type("text/plain"),
            ),
        ),
        _ => PromptMessage::new_text(Role::User, "A fixed text."),
    };
    let mut result = GetPromptResult::new(vec![message]);
    result.description.clone_from(&prompt.description);
    Ok(result)
}

/// Answers `completion/complete`.
pub(super) fn complete(request: &CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    let candidates: Vec<String> = match &request.r#ref {
        Reference::Prompt(reference) => {
            let known = prompts();
            let prompt = known
                .iter()
                .find(|p| p.name == reference.name)
                .ok_or_else(|| ErrorData::invalid_params(format!("Unknown prompt: {}", reference.name), None))?;
            if !prompt.arguments.iter().flatten().any(|a| a.name == request.argument.name) {
                let message = format!("prompt {} has no argument {}", prompt.name, request.argument.name);
                return Err(ErrorData::invalid_params(message, None));
            }
            match request.argument.name.as_str() {
                "language" => LANGUAGES.iter().map(|&s| s.to_owned()).collect(),
                "tone" => TONES.iter().map(|&s| s.to_owned()).collect(),
                _ => Vec::new(),
            }
        }
        Reference::Resource(reference) => {
            if !templates().iter().any(|t| t.uri_template == reference.uri) {
                return Err(ErrorData::invalid_params(format!("Unknown template: {}", reference.uri), None));
            }
            (1..=3).map(|n: u8| n.to_string()).collect()
        }
        _ => return Err(ErrorData::invalid_params("unknown kind of reference", None)),
    };
    let values: Vec<String> = candidates.into_iter().filter(|c| c.starts_with(&request.argument.value)).collect();
    let total = u32::try_from(values.len()).ok();
    let mut completion = CompletionInfo::new(values).map_err(|e| ErrorData::internal_error(e, None))?;
    completion.total = total;
    completion.has_more = Some(false);
    Ok(CompleteResult::new(completion))
}
