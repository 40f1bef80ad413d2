//! Answers in XML.

use quick_xml::Writer;
use quick_xml::escape::partial_escape;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::answer::Answer;

/// An element: a name, and a text or further elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    name: &'static str,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Text(String),
    Elements(Vec<Element>),
}

/// An element with a text.
pub(crate) fn text(name: &'static str, text: impl Into<String>) -> Element {
    Element { name, content: Content::Text(text.into()) }
}

/// An element with others inside.
pub(crate) fn element(name: &'static str, inside: impl IntoIterator<Item = Element>) -> Element {
    Element { name, content: Content::Elements(inside.into_iter().collect()) }
}

/// Whether a document begins by saying that it is XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declaration {
    /// As S3 has it.
    Written,
    /// As STS has it.
    LeftOut,
}

/// A document; the namespace is that of its root.
pub(crate) fn document(root: &Element, namespace: Option<&str>, declaration: Declaration) -> String {
    let mut writer = Writer::new(Vec::new());
    // Writing to memory does not fail.
    let written = match declaration {
        Declaration::Written => writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None))),
        Declaration::LeftOut => Ok(()),
    };
    let written = written.and_then(|()| write(&mut writer, root, namespace));
    debug_assert!(written.is_ok(), "writing to memory does not fail");
    String::from_utf8_lossy(&writer.into_inner()).into_owned()
}

fn write(writer: &mut Writer<Vec<u8>>, element: &Element, namespace: Option<&str>) -> std::io::Result<()> {
    let mut start = BytesStart::new(element.name);
    if let Some(namespace) = namespace {
        start.push_attribute(("xmlns", namespace));
    }
    writer.write_event(Event::Start(start))?;
    match &element.content {
        Content::Text(text) => {
            // Quotes stay as they are, as AWS writes them.
            let escaped = partial_escape(allowed(text));
            writer.write_event(Event::Text(BytesText::from_escaped(escaped)))?;
        }
        Content::Elements(inside) => inside.iter().try_for_each(|element| write(writer, element, None))?,
    }
    writer.write_event(Event::End(BytesEnd::new(element.name)))
}

/// A text without the characters that XML 1.0 (section 2.2) has no form for.
fn allowed(text: &str) -> String {
    let is_allowed = |character: char| {
        matches!(character, '\t' | '\n' | '\r') || (character >= ' ' && !matches!(character, '\u{fffe}' | '\u{ffff}'))
    };
    text.chars().map(|character| if is_allowed(character) { character } else { '\u{fffd}' }).collect()
}

/// An error of S3.
pub(crate) fn s3_error(status: u16, code: &str, message: &str, resource: &str) -> Answer {
    let request_id = uuid::Uuid::new_v4().simple().to_string().to_uppercase().chars().take(16).collect::<String>();
    let error = element(
        "Error",
        [
            text("Code", code),
            text("Message", message),
            text("Resource", resource),
            text("RequestId", request_id.clone()),
        ],
    );
    Answer::text(status, "application/xml", document(&error, None, Declaration::Written))
        .with_header("x-amz-request-id", request_id)
}

/// An empty list of buckets, or of the objects of a bucket.
pub(crate) fn s3_list(of_buckets: bool, bucket: &str) -> Answer {
    let root = match of_buckets {
        true => element("ListAllMyBucketsResult", [element("Buckets", [])]),
        false => element(
            "ListBucketResult",
            [text("Name", bucket.trim_start_matches("arn:aws:s3:::")), text("KeyCount", "0")],
        ),
    };
    let namespace = Some("http://s3.amazonaws.com/doc/2006-03-01/");
    Answer::text(200, "application/xml", document(&root, namespace, Declaration::Written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_is_escaped() {
        let root = element("Error", [text("Message", "<a> & \"b\" \u{1}"), element("None", [])]);
        assert_eq!(
            document(&root, Some("urn:x"), Declaration::LeftOut),
            "<Error xmlns=\"urn:x\"><Message>&lt;a&gt; &amp; \"b\" \u{fffd}</Message><None></None></Error>"
        );
        assert!(
            document(&root, None, Declaration::Written)
                .starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error>")
        );
    }
}
