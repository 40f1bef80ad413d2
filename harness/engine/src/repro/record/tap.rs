//! A copy of what passes: bounded, taken without holding anything back.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};

use super::sink::Inlet;
use crate::repro::recording::{Arrival, Entry, Payload, Received};

/// Arrival times that are kept of one body; later parts share the last.
const ARRIVALS: usize = 64 * 1024;

/// Why an exchange has no whole answer when its client did not wait for it.
pub const CLIENT_ENDED: &str = "the client ended it";

/// Why an exchange has no whole answer when the recording ended before it.
pub const RECORDING_ENDED: &str = "the recording ended before it";

/// Bytes of bodies that are held in memory before they are in the file, over all exchanges.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicUsize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(bytes) })
    }

    fn take(&self, bytes: usize) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The beginning of a body, as far as there is room for it.
#[derive(Debug)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    left_out: u64,
    most: usize,
    budget: Arc<Budget>,
    held: usize,
}

impl Kept {
    /// At most so many bytes.
    pub(super) fn new(most: usize, budget: &Arc<Budget>) -> Self {
        Self { bytes: Vec::new(), left_out: 0, most, budget: Arc::clone(budget), held: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = if self.left_out > 0 { 0 } else { self.most - self.bytes.len() };
        let kept = bytes.len().min(room);
        let kept = if self.budget.take(kept) { kept } else { 0 };
        self.held += kept;
        self.bytes.extend_from_slice(&bytes[..kept]);
        self.left_out += (bytes.len() - kept) as u64;
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// So many bytes that would come next are not there to be kept.
    pub(super) fn lose(&mut self, bytes: u64) {
        self.left_out += bytes;
    }

    /// What was kept, and the room that it takes until the second is dropped.
    pub(super) fn take(&mut self) -> (Payload, Room) {
        let left_out = std::mem::take(&mut self.left_out);
        let payload = Payload { bytes: std::mem::take(&mut self.bytes).into(), left_out };
        (payload, Room { budget: Arc::clone(&self.budget), held: std::mem::take(&mut self.held) })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.budget.give_back(self.held);
    }
}

/// So many bytes were there at that time.
pub(super) fn note_arrival(arrivals: &mut Vec<Arrival>, at: Duration, length: usize) {
    let is_full = arrivals.len() >= ARRIVALS;
    match arrivals.last_mut() {
        Some(last) if last.length == length => {}
        Some(last) if is_full => *last = Arrival { at, length },
        _ => arrivals.push(Arrival { at, length }),
    }
}

/// Room in a budget, given back when dropped.
#[derive(Debug)]
pub(super) struct Room {
    budget: Arc<Budget>,
    held: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.give_back(self.held);
    }
}

/// An exchange under way. When everybody who adds to it has dropped it, it is recorded.
#[derive(Debug)]
pub(super) struct Draft {
    began: Instant,
    inlet: Inlet,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    entry: Entry,
    request: Kept,
    response: Kept,
    /// Times matter: the body is a stream.
    timed: bool,
    /// Nothing more is expected of the answer.
    ended: bool,
}

impl Draft {
    /// `entry` has the head of the request.
    pub(super) fn new(entry: Entry, inlet: Inlet, most: usize) -> Arc<Self> {
        inlet.begin();
        let [request, response] = [Kept::new(most, inlet.budget()), Kept::new(most, inlet.budget())];
        let state = State { entry, request, response, timed: false, ended: false };
        Arc::new(Self { began: Instant::now(), inlet, state: Mutex::new(state) })
    }

    fn with<T>(&self, f: impl FnOnce(&mut State, Duration) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner), self.began.elapsed())
    }

    /// The head of the answer has come.
    pub(super) fn answered(&self, head: Received, session: Option<String>) {
        self.with(|state, now| {
            state.timed = head.is_event_stream();
            state.entry.began = Some(now);
            state.entry.response = Some(head);
            state.entry.session = session.or(state.entry.session.take());
        });
    }

    /// The answer is over: whole, or not for the reason given.
    pub(super) fn ended(&self, failure: Option<String>) {
        self.with(|state, now| {
            if !state.ended {
                state.ended = true;
                state.entry.elapsed = now;
                state.entry.failure = failure;
            }
        });
    }

    fn sent(&self, bytes: &[u8]) {
        self.with(|state, _| state.request.push(bytes));
    }

    fn received(&self, bytes: &[u8]) {
        self.with(|state, at| {
            state.response.push(bytes);
            let length = state.response.len();
            let State { entry, timed, .. } = state;
            if let Some(response) = entry.response.as_mut().filter(|_| *timed) {
                note_arrival(&mut response.arrivals, at, length);
            }
        });
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let now = self.began.elapsed();
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.ended {
            let why = if self.inlet.is_closing() { RECORDING_ENDED } else { CLIENT_ENDED };
            state.entry.elapsed = now;
            state.entry.failure = Some(why.to_owned());
        }
        let (request, sent) = state.request.take();
        let (response, received) = state.response.take();
        state.entry.request.body = request;
        if let Some(head) = &mut state.entry.response {
            head.body = response;
        }
        self.inlet.record(state.entry.clone(), [sent, received]);
    }
}

/// Which way a body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// To the upstream.
    Request,
    /// To the client.
    Response,
}

/// A body that is copied while it passes.
#[derive(Debug)]
pub(super) struct Tapped {
    inner: UnsyncBoxBody<Bytes, hyper::Error>,
    draft: Arc<Draft>,
    side: Side,
}

impl Tapped {
    pub(super) fn new(inner: UnsyncBoxBody<Bytes, hyper::Error>, draft: Arc<Draft>, side: Side) -> Self {
        if side == Side::Response && inner.is_end_stream() {
            draft.ended(None);
        }
        Self { inner, draft, side }
    }
}

impl Body for Tapped {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match (&frame, self.side) {
            (Some(Ok(frame)), Side::Request) => frame.data_ref().into_iter().for_each(|bytes| self.draft.sent(bytes)),
            (Some(Ok(frame)), Side::Response) => {
                frame.data_ref().into_iter().for_each(|bytes| self.draft.received(bytes));
                // A body that is known to be over is not asked for its end.
                if self.inner.is_end_stream() {
                    self.draft.ended(None);
                }
            }
            (None, Side::Response) => self.draft.ended(None),
            (Some(Err(error)), Side::Response) => {
                self.draft.ended(Some(format!("the upstream broke the answer off: {}", super::innermost(error))));
            }
            (None | Some(Err(_)), Side::Request) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
