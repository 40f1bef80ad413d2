//! The tools of the server.

use serde_json::{Map, Value, json};

use super::command::Command;
use super::defects::AwsMcpDefect;
use super::downstream::Origin;
use super::endpoint::Asked;
use super::state::{State, Task};
use crate::aws::arn;
use crate::mcp::misfit;
use crate::sigv4::Caller;

/// A tool.
struct Tool {
    name: &'static str,
    description: &'static str,
    /// Whether only signed requests may call it.
    needs_signature: bool,
    read_only: bool,
    /// Arguments: name, type, whether it is required.
    arguments: &'static [(&'static str, &'static str, bool)],
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "aws___call_aws",
        description: "Runs one command of the AWS CLI",
        needs_signature: true,
        read_only: false,
        arguments: &[("cli_command", "string", true)],
    },
    Tool {
        name: "aws___run_script",
        description: "Runs a script that calls AWS services",
        needs_signature: true,
        read_only: false,
        arguments: &[("script", "string", true)],
    },
    Tool {
        name: "aws___get_presigned_url",
        description: "Makes a URL under which an object of S3 can be read for a while",
        needs_signature: true,
        read_only: true,
        arguments: &[("bucket", "string", true), ("key", "string", true), ("expires_in", "integer", false)],
    },
    Tool {
        name: "aws___get_tasks",
        description: "Lists the scripts that were run",
        needs_signature: true,
        read_only: true,
        arguments: &[],
    },
    Tool {
        name: "aws___suggest_aws_commands",
        description: "Suggests commands of the AWS CLI",
        needs_signature: true,
        read_only: true,
        arguments: &[("query", "string", true)],
    },
    Tool {
        name: "aws___search_documentation",
        description: "Searches the documentation of AWS",
        needs_signature: false,
        read_only: true,
        arguments: &[("search_phrase", "string", true)],
    },
    Tool {
        name: "aws___read_documentation",
        description: "Reads a page of the documentation of AWS",
        needs_signature: false,
        read_only: true,
        arguments: &[("url", "string", true)],
    },
    Tool {
        name: "aws___list_regions",
        description: "Lists the regions of AWS",
        needs_signature: false,
        read_only: true,
        arguments: &[],
    },
    Tool {
        name: "aws___get_regional_availability",
        description: "Tells whether a service is there in a region",
        needs_signature: false,
        read_only: true,
        arguments: &[("region", "string", true)],
    },
];

/// A signed call of a tool.
pub(super) struct Call<'c> {
    pub(super) caller: Caller,
    /// `_meta.AWS_REGION`, or the server's own.
    pub(super) region: String,
    /// Id of the session of MCP.
    pub(super) session: Option<&'c str>,
    pub(super) arguments: &'c Map<String, Value>,
}

/// The outcome of a call.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    Text(String),
    /// The tool ran and failed.
    Failed(String),
    /// The arguments do not fit, and why.
    BadArguments(String),
}

/// The names of all tools.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TOOLS.iter().map(|tool| tool.name)
}

/// Whether there is such a tool.
pub(super) fn exists(name: &str) -> bool {
    names().any(|known| known == name)
}

/// Whether a tool is for signed requests alone.
pub(super) fn needs_signature(name: &str) -> bool {
    TOOLS.iter().any(|tool| tool.name == name && tool.needs_signature)
}

impl Tool {
    fn definition(&self) -> Value {
        json!({
            "name": self.name,
            "description": self.description,
            "inputSchema": self.schema(),
            "annotations": { "readOnlyHint": self.read_only },
        })
    }

    fn schema(&self) -> Value {
        let properties: Map<String, Value> =
            self.arguments.iter().map(|(name, kind, _)| ((*name).to_owned(), json!({ "type": kind }))).collect();
        let required: Vec<&str> =
            self.arguments.iter().filter(|(.., required)| *required).map(|(name, ..)| *name).collect();
        match required.is_empty() {
            true => json!({ "type": "object", "properties": properties }),
            false => json!({ "type": "object", "properties": properties, "required": required }),
        }
    }
}

impl State {
    /// All tools, as listed.
    pub(super) fn definitions(&self) -> Vec<Value> {
        let is_there = |tool: &&Tool| !self.is_removed(tool.name) || self.shows(AwsMcpDefect::RemovedToolListed);
        TOOLS.iter().filter(is_there).map(Tool::definition).collect()
    }

    pub(super) fn is_removed(&self, name: &str) -> bool {
        self.settled.config.removed_tools.iter().any(|removed| removed == name)
    }

    /// Runs a tool that nobody has to sign for.
    pub(super) fn run_public(&self, name: &str, arguments: &Map<String, Value>) -> Outcome {
        if let Some(why) = does_not_fit(name, arguments) {
            return Outcome::BadArguments(why);
        }
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
        Outcome::Text(
            match name {
                "aws___search_documentation" => json!({ "search_phrase": text("search_phrase"), "results": [
                    { "title": "Understanding AWS MCP Server", "url": "https://docs.aws.amazon.com/aws-mcp/" },
                ] }),
                "aws___read_documentation" => json!({ "url": text("url"), "content": "A page of the documentation." }),
                "aws___get_regional_availability" => json!({ "region": text("region"), "available": true }),
                _ => json!({ "regions": ["us-east-1", "us-west-2", "eu-central-1"] }),
            }
            .to_string(),
        )
    }

    /// Runs a tool for a caller.
    pub(super) fn run_signed(&mut self, name: &str, call: &Call<'_>, asked: &Asked<'_>) -> Outcome {
        if let Some(why) = does_not_fit(name, call.arguments) {
            return Outcome::BadArguments(why);
        }
        let text = |name: &str| call.arguments.get(name).and_then(Value::as_str).unwrap_or_default();
        match name {
            "aws___call_aws" => self.call_aws(text("cli_command"), call),
            "aws___run_script" => self.run_script(text("script"), call),
            "aws___get_tasks" => self.tasks_of(&call.caller.principal),
            "aws___get_presigned_url" => {
                let seconds = call.arguments.get("expires_in").and_then(Value::as_u64).unwrap_or(900);
                match self.presigned(asked, &call.caller, (text("bucket"), text("key")), seconds) {
                    Some(url) => Outcome::Text(json!({ "url": url, "expires_in": seconds }).to_string()),
                    None => Outcome::BadArguments("expires_in must be 1 to 604800 seconds".to_owned()),
                }
            }
            _ => {
                let commands = ["aws s3api list-buckets", "aws sts get-caller-identity"];
                Outcome::Text(json!({ "query": text("query"), "suggestions": commands }).to_string())
            }
        }
    }

    fn call_aws(&self, text: &str, call: &Call<'_>) -> Outcome {
        let command = match Command::parse(text) {
            Ok(command) => command,
            Err(problem) => return Outcome::Failed(format!("Invalid command: {problem}")),
        };
        let principal = &call.caller.principal;
        if let Some(why) = self.denied(principal, &command.action, &command.resource, Origin::Server) {
            if self.shows(AwsMcpDefect::DeniedAsSuccess) {
                return Outcome::Text(String::new());
            }
            let operation = &command.operation;
            return Outcome::Failed(format!(
                "An error occurred (AccessDenied) when calling the {operation} operation: {why}"
            ));
        }
        let region = command.region.as_deref().unwrap_or(&call.region);
        let mut told = call.told(region);
        told.insert("command".to_owned(), json!(text));
        told.insert("action".to_owned(), json!(command.action));
        told.insert("resource".to_owned(), json!(command.resource));
        Outcome::Text(Value::Object(told).to_string())
    }

    fn run_script(&mut self, script: &str, call: &Call<'_>) -> Outcome {
        let task = Task {
            id: uuid::Uuid::new_v4().to_string(),
            script: script.to_owned(),
            owner: arn::owner_of(&call.caller.principal),
        };
        let mut told = call.told(&call.region);
        told.insert("task_id".to_owned(), json!(task.id));
        told.insert("script".to_owned(), json!(script));
        self.remember_task(task);
        Outcome::Text(Value::Object(told).to_string())
    }

    fn tasks_of(&self, principal: &str) -> Outcome {
        let owner = arn::owner_of(principal);
        let is_visible = |task: &&Task| task.owner == owner || self.shows(AwsMcpDefect::TasksShared);
        let told = |task: &Task| json!({ "task_id": task.id, "script": task.script, "status": "COMPLETED" });
        let tasks: Vec<Value> = self.tasks.iter().filter(is_visible).map(told).collect();
        Outcome::Text(json!({ "tasks": tasks }).to_string())
    }
}

impl Call<'_> {
    /// What was asked by whom: for tests, which can thus tell callers, regions and sessions apart.
    fn told(&self, region: &str) -> Map<String, Value> {
        Map::from_iter([
            ("principal".to_owned(), json!(self.caller.principal)),
            ("account".to_owned(), json!(arn::account_of(&self.caller.principal))),
            ("access_key_id".to_owned(), json!(self.caller.access_key_id)),
            ("region".to_owned(), json!(region)),
            ("session".to_owned(), json!(self.session)),
        ])
    }
}

fn does_not_fit(name: &str, arguments: &Map<String, Value>) -> Option<String> {
    TOOLS.iter().find(|tool| tool.name == name).and_then(|tool| misfit(&tool.schema(), arguments))
}
