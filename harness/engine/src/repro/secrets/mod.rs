//! Secrets of a recording, found and taken out before anything is written.
//!
//! A secret is known by the name beside it (a header, a parameter, a member of a document), by its form (a JWT, a key of AWS,
//! `Bearer …`), and then by its value wherever that stands, in whatever encoding. In its place comes `${secret:NAME}`, the same
//! for the same value, in whatever is written: a HAR file, a scenario, a bundle.
//!
//! Not secret: `Mcp-Session-Id`, which says which messages belong together and is no authentication; `state`, `nonce` and
//! `code_challenge`, which are worth nothing alone; account numbers, ARNs and user names, which tell what is wrong.

mod eye;
mod names;
mod search;
mod shapes;
mod standing;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::HashMap;
use std::fmt;

use gauntlet_reports::sanitize;

use self::eye::Eye;
use self::names::Names;
use self::search::{Edit, Search};
use super::recording::Entry;

pub use self::names::is_name;
pub(crate) use self::standing::{names_in, rename, told_apart};

/// Places that are told of one secret.
const PLACES: usize = 4;

/// Secrets with names of their own at most; what comes then has one name together.
const MOST: usize = 20_000;

/// What those are called.
const FURTHER: &str = "further";

/// What AWS signatures are called: they are another each time, and nothing depends on which one it was.
const SIGNATURE: &str = "signature";

/// What a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Credentials in a header.
    Header,
    /// The value of a cookie.
    Cookie,
    /// A parameter of a URL or a form.
    Parameter,
    /// A member of a document.
    Member,
    /// A token by its form.
    Token,
    /// Behind `Bearer`.
    Bearer,
    /// Behind `Basic`: a name and a password.
    Basic,
    /// A signed token (RFC 7519).
    Jwt,
    /// A key of a service, by its prefix.
    ApiKey,
    /// The id of an AWS access key.
    AccessKey,
    /// An AWS secret access key.
    SecretKey,
    /// The signature of an AWS request.
    Signature,
    /// A private key in PEM form.
    PrivateKey,
    /// What stands before the host of a URL.
    Userinfo,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "credentials",
            Self::Cookie => "cookie",
            Self::Parameter => "parameter",
            Self::Member => "member",
            Self::Token => "token",
            Self::Bearer => "bearer token",
            Self::Basic => "basic credentials",
            Self::Jwt => "JWT",
            Self::ApiKey => "API key",
            Self::AccessKey => "AWS access key id",
            Self::SecretKey => "AWS secret access key",
            Self::Signature => "AWS signature",
            Self::PrivateKey => "private key",
            Self::Userinfo => "password in a URL",
        })
    }
}

/// What is known of a secret, its value aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// As in `${secret:NAME}`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Where it was first seen, such as `request header authorization`: some places, each once.
    pub places: Vec<String>,
    /// How often it was taken out.
    pub times: u64,
}

impl fmt::Display for Secret {
    /// `authorization (credentials): 12 times, in request header authorization`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = if self.times == 1 { "once".to_owned() } else { format!("{} times", self.times) };
        write!(f, "{} ({}): {times}, in {}", self.name, self.kind, self.places.join(", "))
    }
}

/// What a user says about names.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Headers, parameters and members that are secret beside the known ones.
    pub also: Vec<String>,
    /// Those that are none.
    pub not: Vec<String>,
}

/// Finds secrets in entries of a recording and takes them out.
///
/// [`learn`](Self::learn) of all entries before [`redact`](Self::redact) of the first takes a value out of what came before it
/// was known to be secret, too. `redact` alone learns from each entry, and serves a recording that is being made.
///
/// What is taken out once is not found again: to redact twice is the same as once. A value that is likely to mean something
/// else elsewhere (a word, a short number) is taken out in the places of secrets only.
#[derive(Default)]
pub struct Finder {
    names: Names,
    known: Vec<Known>,
    by_value: HashMap<String, usize>,
    /// Names that are given, or stand in the recording, and the number to try next behind each.
    taken: HashMap<String, usize>,
    search: Search,
}

struct Known {
    secret: Secret,
    /// Looking for its value finds it.
    is_searched: bool,
}

impl Finder {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With what a user says about names.
    #[must_use]
    pub fn with(options: &Options) -> Self {
        Self { names: Names::new(&options.also, &options.not), ..Self::default() }
    }

    /// Remembers the secrets of an entry.
    pub fn learn(&mut self, entry: &Entry) {
        // Of bodies this copies handles only.
        Eye::new(self, false).entry(&mut entry.clone());
    }

    /// Values that are looked for since entries were learned from, and nothing was looked for yet.
    pub(crate) fn fresh(&self) -> impl Iterator<Item = &str> {
        self.search.fresh()
    }

    /// Takes the secrets out of an entry: those in it, and those known before.
    pub fn redact(&mut self, entry: &mut Entry) {
        Eye::new(self, true).entry(entry);
    }

    /// A text without what is known by value, such as a title or a message.
    #[must_use]
    pub fn text(&mut self, text: &str) -> String {
        let edits = self.edits(text, false);
        search::applied(text, &edits)
    }

    /// What was found, in the order in which it was met.
    #[must_use]
    pub fn summary(&self) -> Vec<Secret> {
        self.known.iter().map(|known| known.secret.clone()).collect()
    }

    /// Takes a value down. The result is what comes in its place where it stands, if looking for its value does not find it.
    fn note(&mut self, value: &str, kind: Kind, name: &str, place: &str) -> Option<String> {
        if value.is_empty() {
            return None;
        }
        if value.contains(names::PREFIX) {
            for (at, _) in value.match_indices(names::PREFIX) {
                if let Some((name, _)) = names::placeholder(&value[at..]) {
                    self.taken.entry(name.to_owned()).or_insert(2);
                }
            }
            return None;
        }
        let number = match self.by_value.get(value) {
            Some(number) => *number,
            None if kind == Kind::Signature => self.shared(SIGNATURE, value, kind),
            None if self.known.len() >= MOST => self.shared(FURTHER, value, kind),
            None => {
                let name = self.free(&names::called(name));
                let is_searched = self.search.add(self.known.len(), value, kind);
                self.known.push(Known { secret: Secret { name, kind, places: Vec::new(), times: 0 }, is_searched });
                self.by_value.insert(value.to_owned(), self.known.len() - 1);
                self.known.len() - 1
            }
        };
        let Known { secret, is_searched } = self.known.get_mut(number)?;
        if secret.places.len() < PLACES && !secret.places.iter().any(|known| known == place) {
            secret.places.push(place.to_owned());
        }
        (!*is_searched).then(|| names::standing_for(&secret.name))
    }

    /// The number of what stands for many values.
    fn shared(&mut self, name: &str, value: &str, kind: Kind) -> usize {
        let known = self.known.iter().position(|known| known.secret.name == name);
        let number = known.unwrap_or_else(|| {
            self.taken.insert(name.to_owned(), 2);
            let secret = Secret { name: name.to_owned(), kind, places: Vec::new(), times: 0 };
            self.known.push(Known { secret, is_searched: false });
            self.known.len() - 1
        });
        // Not all of them are found by value, so each is replaced where it stands.
        self.search.add(number, value, kind);
        number
    }

    /// The name, with a number where another secret has it.
    fn free(&mut self, name: &str) -> String {
        let Some(next) = self.taken.get(name).copied() else {
            self.taken.insert(name.to_owned(), 2);
            return name.to_owned();
        };
        let free = (next..).find(|number| !self.taken.contains_key(&format!("{name}-{number}"))).unwrap_or(next);
        self.taken.insert(name.to_owned(), free + 1);
        let free = format!("{name}-{free}");
        self.taken.insert(free.clone(), 2);
        free
    }

    /// What takes the known values out of a text; counted.
    fn edits(&mut self, text: &str, is_cut: bool) -> Vec<Edit> {
        let hits = self.search.find(text, is_cut);
        hits.into_iter()
            .map(|(range, number)| {
                let secret = number.and_then(|number| self.known.get_mut(number)).map(|known| &mut known.secret);
                let name = secret.map_or("redacted", |secret| {
                    secret.times += 1;
                    &secret.name
                });
                Edit { range, with: names::standing_for(name) }
            })
            .collect()
    }

    /// Counts what was replaced where it stood.
    fn count(&mut self, replacement: &str) {
        let name = names::placeholder(replacement).map(|(name, _)| name);
        if let Some(known) = self.known.iter_mut().find(|known| Some(known.secret.name.as_str()) == name) {
            known.secret.times += 1;
        }
    }
}

impl fmt::Debug for Finder {
    /// Never a value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.known.iter().map(|known| known.secret.name.as_str()).collect();
        f.debug_struct("Finder").field("known", &names).finish_non_exhaustive()
    }
}

/// A name as a place tells it.
fn shown(name: &str) -> String {
    sanitize::line(name, 60).into_owned()
}
