//! Where exchanges go when they are over: made readable, freed of secrets, told, and written, on a thread of its own so that nobody who
//! talks waits for it.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use super::seen::Seen;
use super::tap::{Budget, Room};
use super::{HELD, RecordError, Written};
use crate::repro::coding;
use crate::repro::har::{self, LeftOut};
use crate::repro::recording::{Entry, TimedEvent};
use crate::repro::secrets::Finder;

/// How often, and with what pause, is looked whether all exchanges are over.
const SETTLE_LOOKS: u32 = 400;
const SETTLE_PAUSE: Duration = Duration::from_millis(5);

/// Bytes that are written anew for what was learned late, beyond [`ANEW_TIMES`] the file: what is more waits for the end.
const ANEW_ALWAYS: u64 = 64 << 20;
const ANEW_TIMES: u64 = 8;

/// What happens while something is recorded.
#[derive(Debug)]
pub enum Note<'a> {
    /// An exchange is over; without secrets.
    Exchange {
        /// From 1, in the order in which they ended.
        number: usize,
        /// The exchange.
        entry: &'a Entry,
    },
    /// An answer names the upstream, so that whoever asked it will go past the recorder. Told once of each.
    NamesUpstream {
        /// Which: the target, or the one of this name behind it.
        behind: Option<String>,
        /// Where, as a header or a path.
        place: String,
    },
    /// The file cannot be written any more; nothing that follows is recorded. Told once.
    Lost(&'a std::io::Error),
}

/// Gets what happens, on the thread that writes.
pub type Teller = Box<dyn FnMut(Note<'_>) + Send>;

/// An origin that answers should not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// As [`Entry::behind`] of what is asked there.
    pub(super) behind: Option<String>,
    pub(super) origin: String,
}

/// The file of a recording, and the thread that writes it.
#[derive(Debug)]
pub struct Sink {
    inlet: Inlet,
    thread: JoinHandle<Result<Written, RecordError>>,
}

/// Takes exchanges.
#[derive(Debug, Clone)]
pub struct Inlet {
    sender: Sender<Message>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// For bodies that are not in the file yet.
    budget: Arc<Budget>,
    closing: AtomicBool,
    under_way: AtomicUsize,
}

#[derive(Debug)]
enum Message {
    Entry(Box<Entry>, [Room; 2]),
    End,
}

impl Inlet {
    /// Room for bodies.
    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.shared.budget
    }

    /// Exchanges that end from now on end because the recording does.
    pub(super) fn close(&self) {
        self.shared.closing.store(true, Ordering::Release);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.shared.closing.load(Ordering::Acquire)
    }

    /// An exchange has begun; it will be recorded.
    pub(super) fn begin(&self) {
        self.shared.under_way.fetch_add(1, Ordering::AcqRel);
    }

    /// An exchange that had begun is over.
    pub(super) fn record(&self, entry: Entry, room: [Room; 2]) {
        // Nobody takes it when the recording is over.
        let _ = self.sender.send(Message::Entry(Box::new(entry), room));
        self.shared.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Sink {
    /// Makes the file, and starts to wait for exchanges. Of those that are `watched` is told when an answer names one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: &Path, watched: Vec<Watched>, tell: Teller) -> Result<Self, RecordError> {
        let cannot = |error| RecordError::Write { path: path.to_owned(), error };
        let writer = har::Writer::create(path).map_err(cannot)?;
        let (sender, receiver) = mpsc::channel();
        let scribe = Scribe {
            path: path.to_owned(),
            writer,
            finder: Finder::new(),
            seen: Seen::new(),
            is_stale: false,
            anew: 0,
            tell,
            watched,
            exchanges: 0,
            left_out: 0,
            lost: None,
        };
        let thread = std::thread::Builder::new().name("recording".to_owned()).spawn(move || scribe.work(&receiver));
        let thread = thread.map_err(cannot)?;
        let (closing, under_way) = (AtomicBool::new(false), AtomicUsize::new(0));
        let shared = Arc::new(Shared { budget: Budget::new(HELD), closing, under_way });
        Ok(Self { inlet: Inlet { sender, shared }, thread })
    }

    /// Takes exchanges.
    #[must_use]
    pub fn inlet(&self) -> Inlet {
        self.inlet.clone()
    }

    /// Waits until what has ended is written, and goes over the file once more with every secret that was found by then. Everybody who
    /// could add to it must have stopped.
    ///
    /// # Errors
    /// The file could not be written; what is in it is whole.
    pub fn finish(self) -> Result<Written, RecordError> {
        let Self { inlet, thread } = self;
        inlet.close();
        for _ in 0..SETTLE_LOOKS {
            if inlet.shared.under_way.load(Ordering::Acquire) == 0 {
                break;
            }
            std::thread::sleep(SETTLE_PAUSE);
        }
        // The thread is there until it gets this.
        let _ = inlet.sender.send(Message::End);
        thread.join().unwrap_or(Err(RecordError::Broken))
    }
}

/// What the thread works with.
struct Scribe {
    path: PathBuf,
    writer: har::Writer,
    finder: Finder,
    /// What is in the file.
    seen: Seen,
    /// There may be something in the file that was not known to be secret then.
    is_stale: bool,
    /// Bytes that were written anew.
    anew: u64,
    tell: Teller,
    watched: Vec<Watched>,
    exchanges: usize,
    left_out: u64,
    lost: Option<io::Error>,
}

impl Scribe {
    fn work(mut self, receiver: &Receiver<Message>) -> Result<Written, RecordError> {
        while let Ok(Message::Entry(entry, room)) = receiver.recv() {
            self.take(*entry);
            drop(room);
        }
        let Self { path, writer, mut finder, exchanges, left_out, lost, .. } = self;
        let finished = writer.finish();
        let cleaned = clean(&path, &mut finder);
        if let Some(error) = lost.or(finished.err()) {
            return Err(RecordError::Write { path, error });
        }
        cleaned.map_err(|error| RecordError::Clean { path: path.clone(), error })?;
        Ok(Written { path, exchanges, left_out, secrets: finder.summary().to_vec() })
    }

    fn take(&mut self, mut entry: Entry) {
        coding::undo(&mut entry);
        let asked = self.watched.iter().position(|watched| watched.behind == entry.behind);
        if let Some(at) = asked
            && let Some(place) = names(&entry, &self.watched[at].origin)
        {
            let Watched { behind, .. } = self.watched.swap_remove(at);
            (self.tell)(Note::NamesUpstream { behind, place });
        }
        self.finder.learn(&entry);
        self.is_stale = self.is_stale || self.finder.fresh().any(|value| self.seen.may_hold(value));
        self.finder.redact(&mut entry);
        self.left_out += entry.request.body.left_out;
        self.left_out += entry.response.as_ref().map_or(0, |response| response.body.left_out);
        if self.lost.is_none() {
            match self.writer.add(&entry) {
                Ok(()) => {
                    self.exchanges += 1;
                    self.seen.add(&entry);
                    self.write_anew();
                }
                Err(error) => {
                    (self.tell)(Note::Lost(&error));
                    self.lost = Some(error);
                    return;
                }
            }
            (self.tell)(Note::Exchange { number: self.exchanges, entry: &entry });
        }
    }
}

impl Scribe {
    /// Takes out of the file at once what turned out to be secret: whoever is killed does not come to the end. This is rare, as most secrets
    /// are known when they are first met, and is bounded.
    fn write_anew(&mut self) {
        let length = self.writer.length();
        if !self.is_stale || self.anew + length > ANEW_ALWAYS + ANEW_TIMES * length {
            return;
        }
        self.is_stale = false;
        self.anew += length;
        match clean(&self.path, &mut self.finder) {
            Ok(Some(writer)) => self.writer = writer,
            Ok(None) => {}
            // What cannot be done now is done at the end, or told there.
            Err(error) => tracing::debug!(%error, "the file cannot be written anew"),
        }
    }
}

/// Where an answer tells a client to go to the origin: a header, or a document or an event that is made for telling.
fn names(entry: &Entry, origin: &str) -> Option<String> {
    let response = entry.response.as_ref()?;
    if let Some((name, _)) = response.headers.iter().find(|(_, value)| value.contains(origin)) {
        return Some(format!("the header `{name}`"));
    }
    let is_metadata = entry.request.url.contains("/.well-known/");
    if is_metadata && response.body.text().is_some_and(|text| text.contains(origin)) {
        return Some(entry.request.url.clone());
    }
    // How the transport of 2024-11-05 says where to post.
    let tells = |event: &TimedEvent| event.event.event == "endpoint" && event.event.data.contains(origin);
    response.events().first().filter(|event| tells(event)).map(|_| "the event `endpoint`".to_owned())
}

/// Takes out what was not known to be secret yet when it was written. The result writes behind that; none if nothing is secret.
fn clean(path: &Path, finder: &mut Finder) -> Result<Option<har::Writer>, har::Error> {
    if finder.summary().is_empty() {
        return Ok(None);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let place = tempfile::Builder::new().prefix(".gauntlet-record-").tempfile_in(folder)?;
    let mut writer = har::Writer::create(place.path())?;
    // What was written here is not too large to be read here.
    let limits = har::Limits { entry: usize::MAX, entries: usize::MAX, held: usize::MAX };
    let info = har::read(BufReader::new(File::open(path)?), &limits, &mut |mut entry| {
        finder.redact(&mut entry);
        Ok(writer.add(&entry)?)
    })?;
    if let Some(LeftOut { entry, line, column, why }) = info.left_out.into_iter().next() {
        return Err(har::Error::Entry { entry, line, column, message: why });
    }
    writer.sync()?;
    place.persist(path).map_err(|error| error.error)?;
    Ok(Some(writer))
}
