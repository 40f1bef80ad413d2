//! The tools.

use std::sync::Arc;
use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ask::Wanted;
use super::content::{PIXEL, SILENCE};
use super::{Busy, Context, Defect, Server, at_least, header, object, version};

/// What a call ends in.
pub(super) type Outcome = Result<CallToolResponse, ErrorData>;

/// One block of text.
pub(super) fn text(text: impl Into<String>) -> Vec<ContentBlock> {
    vec![ContentBlock::text(text)]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Echo {
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mirror {
    value: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    a: f64,
    b: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Steps {
    #[serde(default = "three")]
    steps: u32,
    #[serde(default)]
    pause_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Slow {
    ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    what: Wanted,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    region: String,
    #[serde(default)]
    shard: Option<i64>,
}

fn three() -> u32 {
    3
}

/// Most steps of `progress`, longest pause between them, and longest wait of `slow`.
const STEPS_MAX: u32 = 1000;
const PAUSE_MAX_MS: u64 = 10_000;
const SLOW_MAX_MS: u64 = 60_000;

fn schema(properties: Value, required: &[&str]) -> Arc<JsonObject> {
    Arc::new(object(json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })))
}

impl Server {
    /// All tools, in order of name, with the members that the version knows.
    pub(super) fn tools(&self, version: &ProtocolVersion) -> Vec<Tool> {
        let settings = self.shared.settings();
        let config = &settings.config;
        let number = json!({ "type": "number" });
        let message = json!({ "message": { "type": "string" } });
        let mut tools = vec![
            Tool::new("add", "Adds two numbers", schema(json!({ "a": number, "b": number }), &["a", "b"]))
                .with_raw_output_schema(schema(json!({ "sum": number }), &["sum"])),
            Tool::new(
                "ask",
                "Asks the client for sampling, roots or elicitation",
                schema(
                    json!({ "what": { "type": "string", "enum": ["sampling", "roots", "elicitation"] } }),
                    &["what"],
                ),
            ),
            Tool::new("echo", "Gives the message back", schema(message.clone(), &["message"]))
                .with_raw_output_schema(schema(message, &["message"])),
            Tool::new("fail", "Always fails", schema(json!({}), &[])),
            Tool::new("log", "Sends one log message of each of four levels", schema(json!({}), &[])),
            Tool::new("media", "Gives an image, a sound, a resource and a link", schema(json!({}), &[])),
            Tool::new("mirror", "Gives any JSON value back", schema(json!({ "value": {} }), &["value"]))
                .with_raw_output_schema(schema(json!({ "value": {} }), &["value"])),
            Tool::new(
                "progress",
                "Reports progress in steps",
                schema(
                    json!({
                        "steps": { "type": "integer", "minimum": 1, "maximum": STEPS_MAX },
                        "pause_ms": { "type": "integer", "minimum": 0, "maximum": PAUSE_MAX_MS },
                    }),
                    &[],
                ),
            ),
            Tool::new(
                "route",
                "Has arguments that travel in headers too",
                schema(
                    json!({
                        "region": { "type": "string", "x-mcp-header": "Region" },
                        "shard": { "type": "integer", "x-mcp-header": "Shard" },
                    }),
                    &["region"],
                ),
            ),
            Tool::new(
                "slow",
                "Answers after a while",
                schema(json!({ "ms": { "type": "integer", "minimum": 0, "maximum": SLOW_MAX_MS } }), &["ms"]),
            ),
            Tool::new("whoami", "Says who is calling", schema(json!({}), &[])),
            Tool::new(
                "write_note",
                "Replaces the note",
                schema(json!({ "message": { "type": "string" } }), &["message"]),
            ),
        ];
        tools.retain(|tool| {
            !config.without_tools.iter().any(|name| *name == tool.name) && (config.logging || tool.name != "log")
        });
        for tool in &mut tools {
            if at_least(version, &ProtocolVersion::V_2025_03_26) {
                let writes = tool.name == "write_note";
                tool.annotations = Some(ToolAnnotations::new().read_only(!writes).open_world(false));
            }
            if !at_least(version, &ProtocolVersion::V_2025_06_18) {
                tool.output_schema = None;
            }
        }
        tools
    }

    pub(super) async fn call(&self, request: CallToolRequestParams, context: &Context) -> Outcome {
        let version = version(context);
        let name = request.name.clone();
        if !self.tools(&version).iter().any(|tool| tool.name == name) {
            if self.shared.shows(Defect::UnknownToolAsSuccess) {
                return Ok(CallToolResult::success(text("done")).into());
            }
            return Err(ErrorData::invalid_params(format!("Unknown tool: {name}"), None));
        }
        let outcome = self.run(&name, &request, context).await;
        match outcome {
            Ok(response) => Ok(response),
            Err(Failure::Protocol(error)) => Err(error),
            Err(Failure::Arguments(reason)) => {
                let message = format!("Invalid arguments for {name}: {reason}");
                if self.shared.shows(Defect::BadArgumentsAccepted) {
                    Ok(CallToolResult::success(text("0")).into())
                } else if at_least(&version, &ProtocolVersion::V_2025_11_25) {
                    // From this version on a model is meant to read what was wrong with its arguments.
                    Ok(CallToolResult::error(text(message)).into())
                } else {
                    Err(ErrorData::invalid_params(message, None))
                }
            }
        }
    }

    async fn run(
        &self,
        name: &str,
        request: &CallToolRequestParams,
        context: &Context,
    ) -> Result<CallToolResponse, Failure> {
        Ok(match name {
            "add" => {
                let Add { a, b } = arguments(request)?;
                if !(a + b).is_finite() {
                    return Err(Failure::Arguments("the sum is too large".to_owned()));
                }
                let sum = number(a + b);
                self.structured(sum.to_string(), json!({ "sum": sum }), context)
            }
            "ask" => {
                let Ask { what } = arguments(request)?;
                self.ask(what, request, context).await?
            }
            "echo" => {
                let Echo { message } = arguments(request)?;
                self.structured(message.clone(), json!({ "message": message }), context)
            }
            "fail" => {
                let Nothing {} = arguments(request)?;
                CallToolResult::error(text("this tool always fails")).into()
            }
            "log" => {
                let Nothing {} = arguments(request)?;
                self.log(context).await?
            }
            "media" => {
                let Nothing {} = arguments(request)?;
                media(context, self.shared.shows(Defect::MediaNotBase64))
            }
            "mirror" => {
                let Mirror { value } = arguments(request)?;
                self.structured(value.to_string(), json!({ "value": value }), context)
            }
            "progress" => {
                let Steps { steps, pause_ms } = arguments(request)?;
                if pause_ms > PAUSE_MAX_MS {
                    return Err(Failure::Arguments(format!("pause_ms must be at most {PAUSE_MAX_MS}")));
                }
                self.progress(steps, Duration::from_millis(pause_ms), context).await?
            }
            "route" => {
                let Route { region, shard } = arguments(request)?;
                let shard = shard.map(|s| format!("/{s}")).unwrap_or_default();
                CallToolResult::success(text(format!("{region}{shard}"))).into()
            }
            "slow" => {
                let Slow { ms } = arguments(request)?;
                if ms > SLOW_MAX_MS {
                    return Err(Failure::Arguments(format!("ms must be at most {SLOW_MAX_MS}")));
                }
                let _busy = Busy::new(&self.shared);
                wait(Duration::from_millis(ms), context).await?;
                CallToolResult::success(text(format!("waited {ms} ms"))).into()
            }
            "whoami" => {
                let Nothing {} = arguments(request)?;
                self.whoami(context)
            }
            _ => {
                let Echo { message } = arguments(request)?;
                self.shared.write_note(&message);
                CallToolResult::success(text("written")).into()
            }
        })
    }

    fn structured(&self, plain: String, value: Value, context: &Context) -> CallToolResponse {
        let mut result = CallToolResult::success(text(plain));
        if at_least(&version(context), &ProtocolVersion::V_2025_06_18) {
            // The plain text stays first, so that the same expectation holds on every version.
            if !self.shared.shows(Defect::StructuredTextMissing) {
                result.content.push(ContentBlock::text(value.to_string()));
            }
            result.structured_content = Some(value);
        }
        result.into()
    }

    async fn progress(&self, steps: u32, pause: Duration, context: &Context) -> Result<CallToolResponse, Failure> {
        if !(1..=STEPS_MAX).contains(&steps) {
            return Err(Failure::Arguments(format!("steps must be from 1 to {STEPS_MAX}")));
        }
        if let Some(token) = context.meta.get_progress_token() {
            for step in 1..=steps {
                let mut params = ProgressNotificationParam::new(token.clone(), f64::from(step));
                params.total = Some(f64::from(steps));
                if at_least(&version(context), &ProtocolVersion::V_2025_03_26) {
                    params.message = Some(format!("step {step} of {steps}"));
                }
                self.tell(context, ProgressNotification::new(params).into()).await;
                wait(pause, context).await?;
            }
        }
        Ok(CallToolResult::success(text(format!("{steps} steps done"))).into())
    }

    async fn log(&self, context: &Context) -> Result<CallToolResponse, Failure> {
        let mut threshold = self.log_level(context)?;
        if self.shared.shows(Defect::LogWithoutOptIn) {
            threshold = threshold.or(Some(LoggingLevel::Debug));
        }
        if self.shared.shows(Defect::LogLevelIgnored) && threshold.is_some() {
            threshold = Some(LoggingLevel::Debug);
        }
        let levels = [LoggingLevel::Debug, LoggingLevel::Info, LoggingLevel::Warning, LoggingLevel::Error];
        for level in levels {
            if threshold.is_some_and(|threshold| level as u8 >= threshold as u8) {
                let name = serde_json::to_value(level).unwrap_or_default();
                let text = format!("a message of level {}", name.as_str().unwrap_or_default());
                let mut params = LoggingMessageNotificationParam::new(level, json!({ "message": text }));
                params.logger = Some("gauntlet".to_owned());
                self.tell(context, LoggingMessageNotification::new(params).into()).await;
            }
        }
        Ok(CallToolResult::success(text("logged")).into())
    }

    fn whoami(&self, context: &Context) -> CallToolResponse {
        let client = context.client_info().map(|c| json!({ "name": c.name, "version": c.version }));
        // A fingerprint, so that two principals can be told apart and no credential appears in an answer.
        let principal = header(context, "authorization").map(|a| self.shared.mark(a));
        let session = header(context, "mcp-session-id");
        let me = json!({
            "client": client,
            "session": session,
            "principal": principal,
            "protocolVersion": version(context).as_str(),
        });
        let mut result = CallToolResult::success(text(me.to_string()));
        if at_least(&version(context), &ProtocolVersion::V_2025_06_18) {
            result.structured_content = Some(me);
        }
        result.into()
    }
}

/// Waits, unless the call is cancelled.
async fn wait(time: Duration, context: &Context) -> Result<(), Failure> {
    if time.is_zero() {
        return Ok(());
    }
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        () = context.ct.cancelled() => Err(ErrorData::internal_error("cancelled", None).into()),
    }
}

fn media(context: &Context, plain: bool) -> CallToolResponse {
    let version = version(context);
    let greeting = ResourceContents::text("Hello from Gauntlet", "gauntlet://greeting").with_mime_type("text/plain");
    let pixel = if plain { "a transparent pixel" } else { PIXEL };
    let mut content = vec![ContentBlock::image(pixel, "image/png"), ContentBlock::resource(greeting)];
    if at_least(&version, &ProtocolVersion::V_2025_03_26) {
        content.push(ContentBlock::audio(SILENCE, "audio/wav"));
    }
    if at_least(&version, &ProtocolVersion::V_2025_06_18) {
        content.push(ContentBlock::resource_link(Resource::new("gauntlet://chapters/1", "chapter-1")));
    }
    CallToolResult::success(content).into()
}

/// Why a call has no result of its tool.
enum Failure {
    Arguments(String),
    Protocol(ErrorData),
}

impl From<ErrorData> for Failure {
    fn from(error: ErrorData) -> Self {
        Self::Protocol(error)
    }
}

fn arguments<T: DeserializeOwned>(request: &CallToolRequestParams) -> Result<T, Failure> {
    let given = Value::Object(request.arguments.clone().unwrap_or_default());
    serde_json::from_value(given).map_err(|e| Failure::Arguments(e.to_string()))
}

/// A whole number without a fraction, others as they are.
fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}
