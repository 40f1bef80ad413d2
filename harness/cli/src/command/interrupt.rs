//! Ctrl-C, and SIGTERM and SIGHUP as CI sends them.

use std::time::Duration;

use gauntlet::CancellationToken;

use crate::exit::CommandError;

/// Does the work, unless the user interrupts it first: then processes that were started are ended, and nothing is said of
/// what was found so far.
pub(super) fn until_interrupted<T>(work: impl Future<Output = T>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = work => Some(done),
            () = interrupted() => None,
        }
    });
    // A browser of the terminal may not have ended.
    runtime.shutdown_timeout(Duration::from_millis(100));
    done.ok_or_else(|| {
        gauntlet::target::end_all();
        CommandError::infrastructure("interrupted")
    })
}

/// The run ends in order, with its children, and leaves its report.
pub(super) async fn cancel_on_interrupt(cancel: CancellationToken) {
    interrupted().await;
    cancel.cancel();
    // A second one does not wait for the report.
    interrupted().await;
    gauntlet::target::end_all();
    std::process::exit(130);
}

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut terminate), Ok(mut hang_up)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
}

#[cfg(not(unix))]
async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}
