//! Pages of lists, and their cursors.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rmcp::ErrorData;
use rmcp::model::PaginatedRequestParams;

use super::{Defect, Shared};

/// The page that the request asks for, and the cursor of the next one.
pub(super) fn of<T: Clone>(
    items: Vec<T>,
    list: &str,
    request: Option<PaginatedRequestParams>,
    shared: &Shared,
) -> Result<(Vec<T>, Option<String>), ErrorData> {
    let size = shared.settings().config.page_size;
    let start = match request.and_then(|r| r.cursor) {
        None => 0,
        Some(cursor) => match decode(&cursor, list) {
            Some(start) if start > 0 && start < items.len() && start % size == 0 => start,
            _ if shared.shows(Defect::InvalidCursorAccepted) => 0,
            _ => return Err(ErrorData::invalid_params("Invalid cursor", None)),
        },
    };
    let end = items.len().min(start.saturating_add(size));
    let mut page = items[start..end].to_vec();
    let mut next = (end < items.len()).then(|| encode(list, end));
    if shared.shows(Defect::ToolsListDropsLastPage) && items.len() - end <= size {
        next = None;
    }
    if shared.shows(Defect::ToolsListCursorLoops) && start > 0 {
        next = Some(encode(list, start));
    }
    if shared.shows(Defect::ToolsListDuplicates) && start > 0 {
        page.insert(0, items[start - 1].clone());
    }
    Ok((page, next))
}

fn encode(list: &str, start: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}:{start}"))
}

fn decode(cursor: &str, list: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix(list)?.strip_prefix(':')?.parse().ok()
}
