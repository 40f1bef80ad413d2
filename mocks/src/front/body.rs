//! The body of an answer on its way to the connection: recorded, slowed down, cut.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::Sleep;

use super::backend::{Body, BoxError, FrontError};
use super::io::End;
use crate::faults::sse::EventSplitter;
use crate::faults::{Drip, FaultPlan};
use crate::journal::Recording;

/// An answer's body as the connection sees it.
pub(super) struct FrontBody {
    inner: Body,
    recording: Option<Recording>,
    end: Arc<End>,
    ended: bool,
    /// What answers gave up.
    failed: bool,
    cut: Option<Cut>,
    drip: Option<Dripping>,
}

/// Where the body is cut off.
enum Cut {
    /// So many bytes are left.
    Bytes(usize),
    /// So many events are left. Whole events wait here for their turn.
    Events { left: usize, splitter: EventSplitter, ready: VecDeque<Bytes> },
    /// Reached: the connection is closing.
    Reached,
}

struct Dripping {
    drip: Drip,
    rest: Bytes,
    pause: Pin<Box<Sleep>>,
    first: bool,
}

impl FrontBody {
    pub(super) fn plain(response: Response<Body>, recording: Recording, end: Arc<End>) -> Response<Self> {
        Self::with_faults(response, recording, end, &FaultPlan::default())
    }

    pub(super) fn with_faults(
        response: Response<Body>,
        recording: Recording,
        end: Arc<End>,
        plan: &FaultPlan,
    ) -> Response<Self> {
        let (mut head, inner) = response.into_parts();
        if plan.cut_after_bytes.is_some() || plan.cut_after_events.is_some() || plan.drip.is_some() {
            // The length that the client is told is the whole one, also when the body is then cut.
            if let Some(length) = inner.size_hint().exact() {
                head.headers.insert(http::header::CONTENT_LENGTH, length.into());
            }
        }
        recording.response_head(&head);
        let cut = match (plan.cut_after_bytes, plan.cut_after_events) {
            (Some(bytes), _) => Some(Cut::Bytes(bytes)),
            (None, Some(left)) => {
                Some(Cut::Events { left, splitter: EventSplitter::default(), ready: VecDeque::new() })
            }
            (None, None) => None,
        };
        let drip = plan.drip.map(|drip| Dripping {
            drip,
            rest: Bytes::new(),
            pause: Box::pin(tokio::time::sleep(Duration::ZERO)),
            first: true,
        });
        Response::from_parts(
            head,
            Self { inner, recording: Some(recording), end, ended: false, failed: false, cut, drip },
        )
    }

    /// The next piece after cutting.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            match &mut self.cut {
                None => return Pin::new(&mut self.inner).poll_frame(cx),
                Some(Cut::Reached) => return self.poll_reached(cx),
                Some(Cut::Bytes(0)) | Some(Cut::Events { left: 0, .. }) => {
                    self.cut = Some(Cut::Reached);
                }
                Some(Cut::Bytes(left)) => {
                    let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
                    let Some(Ok(frame)) = frame else {
                        return Poll::Ready(frame);
                    };
                    let Ok(mut bytes) = frame.into_data() else {
                        continue;
                    };
                    bytes.truncate(*left);
                    *left -= bytes.len();
                    if !bytes.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                }
                Some(Cut::Events { left, splitter, ready }) => {
                    if let Some(event) = ready.pop_front() {
                        *left -= 1;
                        return Poll::Ready(Some(Ok(Frame::data(event))));
                    }
                    match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                        Some(Ok(frame)) => {
                            if let Ok(bytes) = frame.into_data() {
                                splitter.push(&bytes);
                                while let Some(event) = splitter.next_event() {
                                    ready.push_back(event);
                                }
                            }
                        }
                        Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                        None => match splitter.rest() {
                            Some(rest) => return Poll::Ready(Some(Ok(Frame::data(rest)))),
                            None => return Poll::Ready(None),
                        },
                    }
                }
            }
        }
    }

    /// Ends the connection once the pieces before are on the wire. The connection flushes when the body has nothing to give,
    /// and is polled again for the case that the flush itself wrote the last piece. The journal is told before: whoever sees
    /// the end finds it there.
    fn poll_reached(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.finish(false);
        self.end.cut();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The next piece after cutting and dripping.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(mut dripping) = self.drip.take() else {
            return self.poll_cut(cx);
        };
        let polled = self.poll_drip(&mut dripping, cx);
        self.drip = Some(dripping);
        polled
    }

    fn poll_drip(
        &mut self,
        dripping: &mut Dripping,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while dripping.rest.is_empty() {
            match ready!(self.poll_cut(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        dripping.rest = bytes;
                    }
                }
                other => return Poll::Ready(other),
            }
        }
        if !dripping.first {
            ready!(dripping.pause.as_mut().poll(cx));
        }
        dripping.first = false;
        dripping.pause.as_mut().reset(tokio::time::Instant::now() + dripping.drip.every);
        let size = dripping.drip.bytes.min(dripping.rest.len());
        Poll::Ready(Some(Ok(Frame::data(dripping.rest.split_to(size)))))
    }

    fn finish(&mut self, complete: bool) {
        if let Some(recording) = self.recording.take() {
            if !complete && (self.failed || matches!(self.cut, Some(Cut::Reached))) {
                recording.breaks_off();
            }
            recording.finish(complete);
        }
    }
}

impl hyper::body::Body for FrontBody {
    type Data = Bytes;
    type Error = FrontError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, FrontError>>> {
        let this = self.get_mut();
        let frame = ready!(this.poll_piece(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(bytes), Some(recording)) = (frame.data_ref(), &this.recording) {
                    recording.response_bytes(bytes);
                }
            }
            Some(Err(_)) => {
                this.failed = true;
                this.finish(false);
            }
            None => {
                this.ended = true;
                this.finish(true);
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(FrontError)))
    }

    fn is_end_stream(&self) -> bool {
        // A body that is slowed down or cut is asked again and again, whatever its source thinks.
        self.ended || (self.cut.is_none() && self.drip.is_none() && self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        if self.cut.is_none() && self.drip.is_none() { self.inner.size_hint() } else { SizeHint::default() }
    }
}

impl Drop for FrontBody {
    fn drop(&mut self) {
        let dripped = self.drip.as_ref().is_none_or(|dripping| dripping.rest.is_empty());
        let uncut = !matches!(self.cut, Some(Cut::Reached));
        let complete = self.ended || (dripped && uncut && self.inner.is_end_stream());
        self.finish(complete);
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};
    use hyper::body::Body as _;

    use super::*;
    use crate::journal::{Journal, JournalEntry};

    #[test]
    fn a_cut_is_in_the_journal_before_the_connection_ends() {
        let journal = Journal::default();
        let inner = Full::new(Bytes::from_static(b"abcdef")).map_err(|never| match never {}).boxed_unsync();
        let plan = FaultPlan { cut_after_bytes: Some(4), ..FaultPlan::default() };
        let recording = journal.open(JournalEntry::blank(0));
        let answer = FrontBody::with_faults(Response::new(inner), recording, Arc::default(), &plan);
        let mut body = std::pin::pin!(answer.into_body());
        let cx = &mut Context::from_waker(std::task::Waker::noop());
        assert!(matches!(body.as_mut().poll_frame(cx), Poll::Ready(Some(Ok(_)))));
        assert!(body.as_mut().poll_frame(cx).is_pending(), "the connection is flushed now, and ends");
        let entries = journal.entries();
        let response = entries[0].response.as_ref().expect("an answer");
        assert!(response.broke_off && !response.complete && response.finished_at.is_some(), "{response:?}");
        assert_eq!(response.body, "abcd");
    }
}
