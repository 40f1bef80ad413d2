//! What the server serves: tools, resources, prompts, completion and logging, as an SDK handler.
#![expect(
    deprecated,
    reason = "the SDK marks as deprecated what 2026-07-28 deprecates; the server speaks the older versions too"
)]

mod ask;
mod content;
mod page;
mod shared;
mod tools;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::*;
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};

pub(super) use self::shared::Shared;
use self::shared::{Busy, Watcher};
use super::config::at_least;
use super::defects::Defect;
use super::sessions::Related;

/// One session's, or one stateless request's, server.
#[derive(Debug, Clone)]
pub(super) struct Server {
    shared: Arc<Shared>,
    /// Set by `logging/setLevel`.
    level: Arc<Mutex<LoggingLevel>>,
}

pub(super) type Context = RequestContext<RoleServer>;

impl Server {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, level: Arc::new(Mutex::new(LoggingLevel::Info)) }
    }

    /// The input schema of a tool, as the newest version lists it.
    pub(super) fn input_schema(&self, name: &str) -> Option<Arc<JsonObject>> {
        self.get_tool(name).map(|tool| tool.input_schema)
    }

    /// Names the server in the metadata of a result, which 2026-07-28 asks for.
    fn named(&self, context: &Context) -> Option<MetaObject> {
        if !is_modern(context) {
            return None;
        }
        let settings = self.shared.settings();
        let config = &settings.config;
        let mut meta = MetaObject::default();
        let info = json!({ "name": config.name, "version": config.version });
        meta.insert("io.modelcontextprotocol/serverInfo".to_owned(), info);
        Some(meta)
    }

    fn ttl(&self, context: &Context) -> (Option<u64>, Option<CacheScope>) {
        if is_modern(context) {
            (Some(self.shared.settings().config.ttl_ms), Some(CacheScope::Public))
        } else {
            (None, None)
        }
    }

    /// Sends a notification that belongs to the request being served.
    async fn tell(&self, context: &Context, mut notification: ServerNotification) {
        notification.extensions_mut().insert(Related(context.id.clone()));
        // A client that has gone is no error of the server.
        let _ = context.peer.send_notification(notification).await;
    }
}

/// The version in force for the request.
fn version(context: &Context) -> ProtocolVersion {
    context.protocol_version().unwrap_or(ProtocolVersion::V_2025_03_26)
}

/// Whether the request follows 2026-07-28.
fn is_modern(context: &Context) -> bool {
    at_least(&version(context), &ProtocolVersion::V_2026_07_28)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_such_method(name: &str) -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("Method not found: {name}"), None)
}

fn header(context: &Context, name: &str) -> Option<String> {
    let parts = context.extensions.get::<http::request::Parts>()?;
    Some(parts.headers.get(name)?.to_str().ok()?.to_owned())
}

/// Methods whose requests the SDK hands on untyped when their parameters do not fit.
const METHODS: &[&str] = &[
    "initialize",
    "logging/setLevel",
    "completion/complete",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "subscriptions/listen",
    "prompts/list",
    "prompts/get",
];

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let settings = self.shared.settings();
        let config = &settings.config;
        let empty = JsonObject::new;
        let mut capabilities = ServerCapabilities::default();
        capabilities.tools = Some(ToolsCapability::default());
        capabilities.resources = config.resources.then(|| {
            let mut resources = ResourcesCapability::default();
            resources.subscribe = Some(true);
            resources
        });
        capabilities.prompts = config.prompts.then(PromptsCapability::default);
        capabilities.logging = config.logging.then(empty);
        capabilities.completions = config.completions.then(empty);
        let newest = settings.versions.iter().rev().find(|v| v.has_initialize());
        let mut info = ServerConfig::new(capabilities);
        info.protocol_version = newest.cloned().unwrap_or(ProtocolVersion::V_2026_07_28);
        info.server_info = Implementation::new(&config.name, &config.version);
        info.instructions.clone_from(&config.instructions);
        info
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Owned(self.shared.settings().versions.clone())
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: Context,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let mut result = self.negotiate_initialize(&request)?;
        if !at_least(&result.protocol_version, &ProtocolVersion::V_2025_03_26) {
            result.capabilities.completions = None;
        }
        Ok(result)
    }

    async fn discover(&self, _context: Context) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        let result = DiscoverResult::from_server_info(versions, self.get_info());
        Ok(result.with_ttl_ms(self.shared.settings().config.ttl_ms).with_cache_scope(CacheScope::Public))
    }

    async fn complete(&self, request: CompleteRequestParams, context: Context) -> Result<CompleteResult, ErrorData> {
        if !self.shared.settings().config.completions {
            return Err(no_such_method("completion/complete"));
        }
        let mut result = content::complete(&request)?;
        result.meta = self.named(&context);
        Ok(result)
    }

    async fn set_level(&self, request: SetLevelRequestParams, context: Context) -> Result<(), ErrorData> {
        if is_modern(&context) || !self.shared.settings().config.logging {
            return Err(no_such_method("logging/setLevel"));
        }
        *lock(&self.level) = request.level;
        Ok(())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut tools = self.tools(&version(&context));
        if self.shared.shows(Defect::ToolsOrderUnstable) {
            self.shared.reverse_every_second(&mut tools);
        }
        let (tools, next_cursor) = page::of(tools, "tools", request, &self.shared)?;
        let mut result = ListToolsResult::with_all_items(tools);
        result.next_cursor = next_cursor;
        result.meta = self.named(&context);
        (result.ttl_ms, result.cache_scope) = self.ttl(&context);
        Ok(result)
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: Context) -> Result<CallToolResponse, ErrorData> {
        let mut response = self.call(request, &context).await?;
        let meta = self.named(&context);
        match &mut response {
            CallToolResponse::Complete(result) => result.meta = meta,
            CallToolResponse::InputRequired(result) => result.meta = meta,
            _ => {}
        }
        Ok(response)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools(&ProtocolVersion::V_2026_07_28).into_iter().find(|tool| tool.name == name)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.demand(self.shared.settings().config.resources, "resources/list")?;
        let (items, next_cursor) = page::of(content::resources(), "resources", request, &self.shared)?;
        let mut result = ListResourcesResult::with_all_items(items);
        result.next_cursor = next_cursor;
        result.meta = self.named(&context);
        (result.ttl_ms, result.cache_scope) = self.ttl(&context);
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.demand(self.shared.settings().config.resources, "resources/templates/list")?;
        let (items, next_cursor) = page::of(content::templates(), "templates", request, &self.shared)?;
        let mut result = ListResourceTemplatesResult::with_all_items(items);
        result.next_cursor = next_cursor;
        result.meta = self.named(&context);
        (result.ttl_ms, result.cache_scope) = self.ttl(&context);
        Ok(result)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.demand(self.shared.settings().config.resources, "resources/read")?;
        let changing = content::Changing { note: self.shared.note(), running: self.shared.running() };
        let contents = content::read(&request.uri, &changing)
            .ok_or_else(|| ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": request.uri }))))?;
        let mut result = ReadResourceResult::new(contents);
        result.meta = self.named(&context);
        (result.ttl_ms, result.cache_scope) = self.ttl(&context);
        if content::changes(&request.uri) {
            result.ttl_ms = result.ttl_ms.map(|_| 0);
        }
        Ok(result.into())
    }

    async fn subscribe(&self, request: SubscribeRequestParams, context: Context) -> Result<(), ErrorData> {
        self.demand(self.shared.settings().config.resources, "resources/subscribe")?;
        if content::read(&request.uri, &content::Changing::default()).is_none() {
            return Err(ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": request.uri }))));
        }
        let session = header(&context, "mcp-session-id");
        self.shared.watch(Watcher::Session { uri: request.uri, session, peer: context.peer });
        Ok(())
    }

    async fn unsubscribe(&self, request: UnsubscribeRequestParams, context: Context) -> Result<(), ErrorData> {
        self.demand(self.shared.settings().config.resources, "resources/unsubscribe")?;
        let own = header(&context, "mcp-session-id");
        self.shared.unwatch(&request.uri, own.as_deref());
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let mut accepted = SubscriptionFilter::new();
        if self.shared.settings().config.resources {
            accepted.resource_subscriptions.clone_from(&requested.resource_subscriptions);
        }
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let ended = context.request_context().ct.clone();
        self.shared.watch(Watcher::Listen { sink: context.sink().clone(), ended });
        context.cancelled().await;
        Ok(())
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.demand(self.shared.settings().config.prompts, "prompts/list")?;
        let (items, next_cursor) = page::of(content::prompts(), "prompts", request, &self.shared)?;
        let mut result = ListPromptsResult::with_all_items(items);
        result.next_cursor = next_cursor;
        result.meta = self.named(&context);
        (result.ttl_ms, result.cache_scope) = self.ttl(&context);
        Ok(result)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        self.demand(self.shared.settings().config.prompts, "prompts/get")?;
        let mut result = content::prompt(&request)?;
        result.meta = self.named(&context);
        Ok(result.into())
    }

    async fn on_custom_request(&self, request: CustomRequest, _context: Context) -> Result<CustomResult, ErrorData> {
        if METHODS.contains(&request.method.as_str()) {
            let message = format!("the parameters do not fit {}", request.method);
            return Err(ErrorData::invalid_params(message, None));
        }
        Err(no_such_method(&request.method))
    }
}

impl Server {
    fn demand(&self, capability: bool, method: &str) -> Result<(), ErrorData> {
        if capability { Ok(()) } else { Err(no_such_method(method)) }
    }

    /// The least severe level that may be sent for this request; none if nothing may.
    fn log_level(&self, context: &Context) -> Result<Option<LoggingLevel>, ErrorData> {
        if !is_modern(context) {
            return Ok(Some(*lock(&self.level)));
        }
        match context.meta.get("io.modelcontextprotocol/logLevel") {
            None => Ok(None),
            Some(level) => serde_json::from_value::<LoggingLevel>(level.clone())
                .map(Some)
                .map_err(|_| ErrorData::invalid_params(format!("unknown log level {level}"), None)),
        }
    }
}

/// A JSON object, or an empty one.
fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(map) => map,
        _ => JsonObject::new(),
    }
}
