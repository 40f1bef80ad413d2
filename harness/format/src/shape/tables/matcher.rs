//! Matchers.

use super::expect::EVENTS;
use super::optional;
use crate::shape::{Field, Kind, Shape};

const TYPE: Kind = Kind::Word(&["string", "number", "integer", "boolean", "object", "array", "null"]);

/// The matchers.
pub static MATCHERS: &[Field] = &[
    optional("$regex", Kind::Text, "The string has a match of this regular expression."),
    optional("$type", Kind::Either(&[TYPE, Kind::NonEmpty(&TYPE)]), "The value is of this JSON type, or one of these."),
    optional("$any", Kind::True, "The value is there, null included."),
    optional("$absent", Kind::True, "The member is not there."),
    optional("$contains", Kind::Pattern, "A string holds the text; an array holds an element that matches."),
    optional("$not", Kind::Pattern, "The value is there and does not match."),
    optional("$oneOf", Kind::List(&Kind::Pattern), "At least one of these matches."),
    optional("$allOf", Kind::List(&Kind::Pattern), "All of these match."),
    optional("$len", Kind::Pattern, "Length of a string (characters), array or object."),
    optional("$gt", Kind::Variable(&Kind::Number), "A number greater than this."),
    optional("$lt", Kind::Variable(&Kind::Number), "A number less than this."),
    optional("$gte", Kind::Variable(&Kind::Number), "A number of at least this."),
    optional("$lte", Kind::Variable(&Kind::Number), "A number of at most this."),
    optional("$unordered", Kind::Variable(&Kind::List(&Kind::Pattern)), "The same elements in any order."),
    optional(
        "$inOrder",
        Kind::List(&Kind::Pattern),
        "The array holds elements that match these in this order; others may stand between.",
    ),
    optional("$exact", Kind::Any, "Equal, nothing more."),
    optional("$schema", Kind::Any, "Valid under this JSON Schema, 2020-12 unless it says otherwise."),
    optional(
        "$url",
        Kind::Variable(&Kind::Object(&Shape {
            name: "$url",
            rest: None,
            fields: &[
                optional("scheme", Kind::Pattern, "Scheme in lower case."),
                optional("host", Kind::Pattern, "Host."),
                optional("port", Kind::Pattern, "Port, the scheme's default if none is written."),
                optional("path", Kind::Pattern, "Path."),
                optional("query", Kind::Pattern, "Parameter name to value, a list if repeated."),
            ],
        })),
        "The string is an absolute URL with these parts.",
    ),
    optional("$json", Kind::Pattern, "The string holds JSON that matches."),
    optional("$sse", EVENTS, "The event stream holds these events in this order; others may stand between."),
    optional(
        "$jwt",
        Kind::Variable(&Kind::Object(&Shape {
            name: "$jwt",
            rest: None,
            fields: &[optional("header", Kind::Pattern, "JOSE header."), optional("claims", Kind::Pattern, "Claims.")],
        })),
        "The string is a JWT with these.",
    ),
    optional(
        "$challenge",
        Kind::Variable(&Kind::Object(&Shape {
            name: "$challenge",
            rest: Some(Kind::Pattern),
            fields: &[optional("scheme", Kind::Pattern, "Authentication scheme, in any case.")],
        })),
        "A `WWW-Authenticate` value with a challenge of this scheme and these parameters.",
    ),
    optional(
        "$arn",
        Kind::Variable(&Kind::Object(&Shape {
            name: "$arn",
            rest: None,
            fields: &[
                optional("partition", Kind::Pattern, "Partition, such as `aws`."),
                optional("service", Kind::Pattern, "Service."),
                optional("region", Kind::Pattern, "Region, empty for global resources."),
                optional("account", Kind::Pattern, "Account id."),
                optional("resource", Kind::Pattern, "The rest, colons included."),
            ],
        })),
        "The string is an ARN with these parts.",
    ),
    optional(
        "$unique",
        Kind::Either(&[Kind::True, Kind::Text]),
        "No two elements are equal, or none by this member; a path `tools.name` opens the lists on its way.",
    ),
    optional("$each", Kind::Pattern, "Every element matches."),
];
