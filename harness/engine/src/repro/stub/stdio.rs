//! A recording as a server over standard input and output.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};

use super::question::Question;
use super::{Choice, RecordedServer, Serving};

/// Bytes of the longest line that is read.
const LONGEST: u64 = 16 << 20;

impl RecordedServer {
    /// Serves one client, a message a line, until the reader ends.
    ///
    /// # Errors
    /// Reading or writing failed, or a line is longer than 16 MiB.
    pub async fn serve_stdio(
        &self,
        reader: impl AsyncRead + Send + Unpin,
        mut writer: impl AsyncWrite + Send + Unpin,
    ) -> io::Result<()> {
        let serving = self.serving();
        for (pause, line) in serving.unasked(0) {
            tokio::time::sleep(pause).await;
            say(&mut writer, &line).await?;
        }
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        loop {
            line.clear();
            (&mut reader).take(LONGEST).read_until(b'\n', &mut line).await?;
            if line.is_empty() {
                return Ok(());
            }
            if line.len() as u64 == LONGEST && !line.ends_with(b"\n") {
                let message = format!("a line is longer than {LONGEST} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            let asked = Question::line(line.trim_ascii());
            for (pause, line) in serving.lines(&asked) {
                tokio::time::sleep(pause).await;
                say(&mut writer, &line).await?;
            }
        }
    }
}

impl Serving {
    /// What the server said from there on before it was asked again.
    fn unasked(&self, from: usize) -> Vec<(Duration, String)> {
        let nothing = Question::line(b"");
        let unasked = self.server.library.kept.iter().skip(from).take_while(|kept| kept.question.is_none());
        unasked.flat_map(|kept| self.giving(kept, &nothing).lines(&kept.entry, None)).collect()
    }

    fn lines(&self, asked: &Question) -> Vec<(Duration, String)> {
        match self.choose(asked, None) {
            Choice::Given(at, kept, _) => {
                let mut lines = self.giving(kept, asked).lines(&kept.entry, asked.id());
                lines.extend(self.unasked(at + 1));
                lines
            }
            Choice::Unanswered => Vec::new(),
            Choice::Refused(refusal) => {
                let error = refusal.error(asked.id().unwrap_or(&Value::Null));
                vec![(Duration::ZERO, error.to_string())]
            }
        }
    }
}

async fn say(writer: &mut (impl AsyncWrite + Unpin), line: &str) -> io::Result<()> {
    writer.write_all(line.as_bytes()).await?;
    writer.write_all(b"\n").await?;
    writer.flush().await
}
