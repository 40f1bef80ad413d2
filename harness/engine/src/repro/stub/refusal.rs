//! What is said where nothing was recorded.

use gauntlet_mocks::stub::{StubAnswer, StubBody};
use serde_json::{Value, json};

use super::likeness::{Difference, shown};
use super::question::Question;

/// JSON-RPC error code of what is not in the recording: one of those left to implementations (JSON-RPC 2.0, section 5.1).
const NOT_RECORDED: i64 = -32000;

/// How to get further.
const MORE: &str =
    "record it too (`gauntlet record --listen 127.0.0.1:0 --upstream URL -o FILE`), or ask what was recorded";

/// Why there is no answer.
pub(super) struct Refusal {
    status: u16,
    title: &'static str,
    detail: String,
    nearest: Option<String>,
    differs: Vec<String>,
}

impl Refusal {
    /// Nothing that was recorded fits; the nearest has this number and label.
    pub(super) fn not_recorded(asked: &Question, nearest: Option<(usize, String, Vec<Difference>)>) -> Self {
        let label = shown(&Value::from(asked.label()));
        let (nearest, differs) = match nearest {
            Some((number, label, differs)) => {
                let differs: Vec<String> = differs.iter().map(Difference::to_string).collect();
                (Some(format!("#{number} {}", shown(&Value::from(label)))), differs)
            }
            None => (None, Vec::new()),
        };
        let told = match &nearest {
            Some(nearest) => format!("the nearest is {nearest}: {}", differs.join("; ")),
            None => "nothing that could be asked was".to_owned(),
        };
        let detail = format!("no answer to `{label}` was recorded; {told}; {MORE}");
        Self { status: 501, title: "Not recorded", detail, nearest, differs }
    }

    /// The recorded answer cannot be given.
    pub(super) fn not_whole(number: usize, label: &str, kept: usize, left_out: u64) -> Self {
        let detail = format!(
            "the recorded answer #{number} to `{}` is not whole: {kept} bytes of {} were kept; record it with a larger bound",
            shown(&Value::from(label)),
            left_out.saturating_add(kept as u64)
        );
        Self { status: 501, title: "Not whole", detail, nearest: None, differs: Vec::new() }
    }

    /// The recording has the request alone, as a command line is.
    pub(super) fn no_answer(number: usize, label: &str) -> Self {
        let detail = format!(
            "the recording has the request #{number} `{}` without an answer; {MORE}",
            shown(&Value::from(label))
        );
        Self { status: 501, title: "Not recorded", detail, nearest: None, differs: Vec::new() }
    }

    /// The session is none that was given out.
    pub(super) fn no_session() -> Self {
        let detail =
            "this Mcp-Session-Id was given out by no answer, or its session has ended; send `initialize` first";
        Self { status: 404, title: "Unknown session", detail: detail.to_owned(), nearest: None, differs: Vec::new() }
    }

    /// What a server may do without: a stream by GET, the end of a session by DELETE.
    pub(super) fn not_offered(asked: &Question) -> Self {
        let detail = format!("`{}` was not recorded, and no server has to offer it", asked.label());
        Self { status: 405, title: "Not recorded", detail, nearest: None, differs: Vec::new() }
    }

    /// As a JSON-RPC error.
    pub(super) fn error(&self, id: &Value) -> Value {
        let mut error = json!({ "code": NOT_RECORDED, "message": self.detail });
        if let Some(nearest) = &self.nearest {
            error["data"] = json!({ "nearest": nearest, "differs": self.differs });
        }
        json!({ "jsonrpc": "2.0", "id": id, "error": error })
    }

    /// Over HTTP: a JSON-RPC error to a request, problem details (RFC 9457) to anything else.
    pub(super) fn http(self, id: Option<&Value>) -> StubAnswer {
        let (media_type, body) = match id {
            Some(id) => ("application/json", self.error(id)),
            None => {
                let mut problem = json!({ "title": self.title, "status": self.status, "detail": self.detail });
                if let Some(nearest) = &self.nearest {
                    problem["nearest"] = nearest.as_str().into();
                    problem["differs"] = self.differs.as_slice().into();
                }
                ("application/problem+json", problem)
            }
        };
        StubAnswer {
            status: self.status,
            headers: vec![("content-type".to_owned(), media_type.to_owned())],
            body: StubBody::Bytes(body.to_string().into()),
            faults: Vec::new(),
            note: Some(self.title.to_lowercase()),
        }
    }
}
