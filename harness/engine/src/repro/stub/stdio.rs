//! A recording as a server over standard input and output.

use std::io;

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
        for kept in self.library.kept.iter().take_while(|kept| kept.question.is_none()) {
            let nothing = Question::line(b"");
            for (pause, line) in serving.giving(kept, &nothing).lines(&kept.entry, None) {
                tokio::time::sleep(pause).await;
                say(&mut writer, &line).await?;
            }
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
    fn lines(&self, asked: &Question) -> Vec<(std::time::Duration, String)> {
        match self.choose(asked, None) {
            Choice::Given(kept, _) => self.giving(kept, asked).lines(&kept.entry, asked.id()),
            Choice::Unanswered => Vec::new(),
            Choice::Refused(refusal) => {
                let error = refusal.error(asked.id().unwrap_or(&Value::Null));
                vec![(std::time::Duration::ZERO, error.to_string())]
            }
        }
    }
}

async fn say(writer: &mut (impl AsyncWrite + Unpin), line: &str) -> io::Result<()> {
    writer.write_all(line.as_bytes()).await?;
    writer.write_all(b"\n").await?;
    writer.flush().await
}
