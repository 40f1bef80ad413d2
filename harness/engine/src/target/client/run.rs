//! A client program from its start to its end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::ClientProgram;
use super::sightings::Scanner;
use crate::target::process::{ChildProcess, ExitReport};
use crate::transport::Failure;

/// Bytes of stdout that are kept; the rest is counted.
const STDOUT_KEPT: usize = 256 * 1024;

/// How long output may take to arrive once the program has ended.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// What a program did.
#[derive(Debug)]
pub(crate) struct Finished {
    /// How it ended; killed when it took too long.
    pub exit: ExitReport,
    /// What it wrote, as far as it is kept.
    pub stdout: String,
    /// The same of stderr.
    pub stderr: String,
    /// From its start to its end.
    pub elapsed: Duration,
}

#[derive(Debug, Default)]
struct Output {
    kept: Vec<u8>,
    dropped: usize,
}

impl Output {
    fn push(&mut self, bytes: &[u8]) {
        let room = bytes.len().min(STDOUT_KEPT - self.kept.len());
        self.kept.extend_from_slice(&bytes[..room]);
        self.dropped += bytes.len() - room;
    }

    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.kept);
        if self.dropped == 0 { text.into_owned() } else { format!("{text}\n[{} bytes left out]", self.dropped) }
    }
}

impl ClientProgram {
    /// Starts the program and waits for its end, at most until the deadline; its whole process group ends with it.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn run(
        &self,
        environment: impl IntoIterator<Item = (String, String)>,
        deadline: Duration,
    ) -> Result<Finished, Failure> {
        self.forget();
        let mut line = self.line.clone();
        line.environment.extend(environment);
        let scanner = line.sightings.as_ref().map(|sightings| sightings.scanner());
        let started = Instant::now();
        let running = ChildProcess::start(&line)?;
        let (mut stdin, mut stdout) = (running.stdin, running.stdout);
        if let Some(text) = self.stdin.clone() {
            tokio::spawn(async move {
                // A program that does not read its stdin does not want it.
                let _ = stdin.write_all(text.as_bytes()).await;
            });
        } else {
            drop(stdin);
        }
        let output = Arc::new(Mutex::new(Output::default()));
        let sink = Arc::clone(&output);
        let reader = tokio::spawn(async move {
            let mut scanner: Option<Scanner> = scanner;
            let mut chunk = [0; 8 * 1024];
            while let Ok(n @ 1..) = stdout.read(&mut chunk).await {
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(&chunk[..n]);
                if let Some(scanner) = &mut scanner {
                    scanner.push(&chunk[..n]);
                }
            }
        });
        let exit = running.child.wait(deadline).await;
        let elapsed = started.elapsed();
        running.child.last_words(LAST_WORDS).await;
        let abort = reader.abort_handle();
        // A grandchild may hold stdout open; what is known by then is told.
        if tokio::time::timeout(LAST_WORDS, reader).await.is_err() {
            abort.abort();
        }
        let stdout = output.lock().unwrap_or_else(PoisonError::into_inner).text();
        Ok(Finished { exit, stdout, stderr: running.child.take_stderr(), elapsed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::process::CommandLine;

    fn program(script: &str, stdin: Option<&str>) -> ClientProgram {
        let line = CommandLine {
            program: "/bin/sh".to_owned(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            directory: None,
            environment: Default::default(),
            sightings: None,
            scratch: Arc::default(),
        };
        ClientProgram::new(line, stdin.map(str::to_owned)).expect("it is prepared")
    }

    #[tokio::test]
    async fn its_output_and_its_end_are_told() {
        let program = program("read line; echo \"$line $EXTRA\"; echo oops >&2; exit 3", Some("y\n"));
        let done =
            program.run([("EXTRA".to_owned(), "x".to_owned())], Duration::from_secs(10)).await.expect("it starts");
        assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("y x\n", "oops\n"));
        assert_eq!(done.exit, ExitReport::code(3));
    }

    #[tokio::test]
    async fn without_input_stdin_is_at_its_end() {
        let done = program("cat; echo end", None).run([], Duration::from_secs(10)).await.expect("it starts");
        assert_eq!(done.stdout, "end\n");
    }

    #[tokio::test]
    async fn one_that_does_not_end_is_ended_with_its_children() {
        let done = program("echo $$; sleep 60 & sleep 60", None).run([], Duration::from_secs(1)).await;
        let done = done.expect("it starts");
        assert!(done.exit.killed && done.elapsed < Duration::from_secs(20));
        let group = done.stdout.trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
        for _ in 0..500 {
            if rustix::process::test_kill_process_group(group).is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the group still runs");
    }

    #[tokio::test]
    async fn a_flood_is_cut_and_counted() {
        let done = program("head -c 300000 /dev/zero | tr '\\0' x", None).run([], Duration::from_secs(10)).await;
        let stdout = done.expect("it starts").stdout;
        let left_out = 300_000 - STDOUT_KEPT;
        assert!(stdout.ends_with(&format!("x\n[{left_out} bytes left out]")), "{}", &stdout[stdout.len() - 60..]);
    }
}
