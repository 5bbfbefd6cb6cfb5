//! What a server wrote to its standard error: redacted, the end of it.
//!
//! The whole stream is redacted, and only then cut into lines and shortened: half a secret is not recognised. Refuses to
//! keep up with a server that does nothing but write: above [`RATE`] the rest is dropped, and that is said. What the
//! redactor still holds back of a server that has fallen silent is shown as if it were the end, and kept when it is settled.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::{self, Instant},
};

use crate::{
    redact::{Redactor, Stream},
    sync::lock,
};

/// Bytes kept of one server.
const KEPT: usize = 64 << 10;
/// Bytes of one line; the rest of it is dropped.
const LINE_MAX: usize = 8 << 10;
/// Bytes a second that are redacted and kept. Many times what a chatty server writes; what is above it would push itself
/// out of what is kept in a quarter of a second, and cost a core.
const RATE: usize = 256 << 10;
/// A server that writes nothing for so long is silent: what it has said is then shown. Soon enough for eyes, and rare
/// enough to cost nothing.
const SILENCE: Duration = Duration::from_millis(100);
/// Bytes read at once.
const READ: usize = 8 << 10;

/// The end of one server's standard error, over its restarts.
#[derive(Default)]
pub struct Stderr {
    ring: Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    lines: VecDeque<String>,
    bytes: usize,
    /// Whole lines that are held back in case they are the beginning of a secret, as they are if nothing more comes.
    unsettled: Vec<String>,
    /// Lines that there ever were, without those.
    count: u64,
    redactor: Redactor,
    /// Redactors that there were before it.
    replaced: u64,
}

impl Ring {
    fn keep(&mut self, mut line: String) {
        line.truncate(line.floor_char_boundary(LINE_MAX));
        self.unsettled.clear();
        self.count += 1;
        // An empty line takes a place, too.
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.bytes > KEPT {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.len() + 1;
        }
    }
}

impl Stderr {
    /// The redactor that later lines go through.
    pub fn set_redactor(&self, redactor: Redactor) {
        let mut ring = lock(&self.ring);
        ring.redactor = redactor;
        ring.replaced += 1;
    }

    /// Keeps one line, redacted, before anything of it is cut.
    pub fn push(&self, line: &str) {
        let redactor = lock(&self.ring).redactor.clone();
        let redacted = redactor.text(line).to_string();
        lock(&self.ring).keep(redacted);
    }

    /// The last lines, oldest first.
    pub fn last(&self, lines: usize) -> Vec<String> {
        let ring = lock(&self.ring);
        let all = ring.lines.len() + ring.unsettled.len();
        ring.lines.iter().chain(&ring.unsettled).skip(all.saturating_sub(lines)).cloned().collect()
    }

    /// How many lines there ever were.
    pub fn count(&self) -> u64 {
        lock(&self.ring).count
    }

    /// The last lines of those that came after the first `count`, oldest first.
    pub fn last_since(&self, count: u64, lines: usize) -> Vec<String> {
        let new = usize::try_from(self.count().saturating_sub(count)).unwrap_or(usize::MAX);
        self.last(lines.min(new))
    }

    /// Keeps what is read until the stream ends.
    pub async fn keep<R: AsyncRead + Unpin>(self: Arc<Self>, mut reader: R) {
        let mut intake = Intake::new(self);
        let mut buffer = vec![0; READ];
        let (mut since, mut read, mut dropped) = (Instant::now(), 0, 0_u64);
        loop {
            let count = intake.read(&mut reader, &mut buffer).await;
            if count == 0 {
                break;
            }
            if since.elapsed() >= Duration::from_secs(1) {
                (since, read) = (Instant::now(), 0);
            }
            read += count;
            if read > RATE {
                dropped += count as u64;
                intake.interrupt();
                continue;
            }
            if dropped > 0 {
                intake.stderr.push(&format!("agentd: {dropped} bytes of standard error were dropped"));
                dropped = 0;
            }
            intake.push(buffer.get(..count).unwrap_or_default());
        }
        intake.finish();
    }
}

/// A stream on its way into the ring.
struct Intake {
    stderr: Arc<Stderr>,
    stream: Stream,
    /// Which redactor `stream` is of.
    replaced: u64,
    /// The first bytes of a character whose rest has not come.
    rest: Vec<u8>,
    /// The redacted line under way.
    line: String,
    /// True until the next newline, after something was dropped.
    skips: bool,
}

impl Intake {
    fn new(stderr: Arc<Stderr>) -> Self {
        let (stream, replaced) = {
            let ring = lock(&stderr.ring);
            (ring.redactor.stream(), ring.replaced)
        };
        Self { stderr, stream, replaced, rest: Vec::new(), line: String::new(), skips: false }
    }

    /// Bytes read; 0 at the end.
    async fn read<R: AsyncRead + Unpin>(&self, reader: &mut R, buffer: &mut [u8]) -> usize {
        if let Ok(read) = time::timeout(SILENCE, reader.read(buffer)).await {
            return read.unwrap_or(0);
        }
        self.show_unsettled();
        reader.read(buffer).await.unwrap_or(0)
    }

    fn push(&mut self, mut bytes: &[u8]) {
        if self.skips {
            let Some(newline) = bytes.iter().position(|byte| *byte == b'\n') else { return };
            bytes = bytes.get(newline + 1..).unwrap_or_default();
            self.skips = false;
        }
        self.rest.extend_from_slice(bytes);
        let text = self.decode();
        let ends = text.ends_with('\n');
        let shown = self.stream.push(&text);
        self.add(&shown);
        // Between lines only, where no value is cut in two.
        if ends && lock(&self.stderr.ring).replaced != self.replaced {
            self.renew();
        }
    }

    fn decode(&mut self) -> String {
        let mut text = String::with_capacity(self.rest.len());
        let mut begun = Vec::new();
        let mut chunks = self.rest.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            let more_may_come =
                chunks.peek().is_none() && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if more_may_come {
                begun = invalid.to_vec();
            } else if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.rest = begun;
        text
    }

    fn add(&mut self, shown: &str) {
        for piece in shown.split_inclusive('\n') {
            let ends = piece.ends_with('\n');
            let piece = piece.trim_end_matches(['\n', '\r']);
            // What is longer is cut in any case.
            let room = LINE_MAX.saturating_sub(self.line.len());
            self.line.push_str(piece.get(..piece.floor_char_boundary(room)).unwrap_or_default());
            if ends {
                lock(&self.stderr.ring).keep(std::mem::take(&mut self.line));
            }
        }
    }

    /// Shows what is held back. The stream itself goes on: what comes next may tell that it was a secret's beginning.
    fn show_unsettled(&self) {
        let whole = format!("{}{}", self.line, self.stream.clone().finish());
        // A line that has not ended may be half a secret.
        let Some((lines, _)) = whole.rsplit_once('\n') else { return };
        let cut = |line: &str| line.get(..line.floor_char_boundary(LINE_MAX)).unwrap_or_default().to_owned();
        lock(&self.stderr.ring).unsettled = lines.split('\n').map(|line| cut(line.trim_end_matches('\r'))).collect();
    }

    fn renew(&mut self) {
        let shown = self.stream.finish();
        self.add(&shown);
        let ring = lock(&self.stderr.ring);
        (self.stream, self.replaced) = (ring.redactor.stream(), ring.replaced);
    }

    /// Forgets the line under way, for something of it will be missing.
    fn interrupt(&mut self) {
        let _half = self.stream.finish();
        lock(&self.stderr.ring).unsettled.clear();
        self.rest.clear();
        self.line.clear();
        self.skips = true;
    }

    fn finish(&mut self) {
        if !self.rest.is_empty() {
            let shown = self.stream.push("\u{fffd}");
            self.add(&shown);
        }
        let shown = self.stream.finish();
        self.add(&shown);
        if !self.line.is_empty() {
            lock(&self.stderr.ring).keep(std::mem::take(&mut self.line));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    const KEY: &str = "k-1234567890";

    fn stderr() -> Arc<Stderr> {
        let stderr = Arc::new(Stderr::default());
        stderr.set_redactor(Redactor::new([KEY.to_owned()]));
        stderr
    }

    fn fed(pieces: impl IntoIterator<Item = Vec<u8>>) -> Arc<Stderr> {
        let stderr = stderr();
        let mut intake = Intake::new(Arc::clone(&stderr));
        pieces.into_iter().for_each(|piece| intake.push(&piece));
        intake.finish();
        stderr
    }

    #[test]
    fn a_secret_is_hidden_however_it_comes_and_where_a_line_is_cut() {
        for before in [0, 10, LINE_MAX - 6, LINE_MAX - 1, LINE_MAX] {
            for size in [1, 7, 4096] {
                let text = format!("{}é {KEY} end\nnext\n", "a".repeat(before));
                let stderr = fed(text.as_bytes().chunks(size).map(<[u8]>::to_vec));
                let lines = stderr.last(9);
                assert_eq!((lines.len(), &*lines[1]), (2, "next"));
                assert!(
                    lines[0].len() <= LINE_MAX && !lines[0].contains("123") && !lines[0].contains("890"),
                    "{before}"
                );
            }
        }
    }

    #[test]
    fn a_private_key_of_many_lines_is_hidden() {
        let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n".repeat(8);
        let text = format!("a\n-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\nb\n");
        let shown = fed([text.into_bytes()]).last(99).join("\n");
        assert!(!shown.contains("MIIEvQ") && shown.starts_with('a') && shown.ends_with('b'), "{shown}");
    }

    #[test]
    fn the_last_lines_are_kept_and_empty_ones_take_a_place() {
        let text = format!("{}last", "\n".repeat(KEPT + 5));
        let stderr = fed([text.into_bytes()]);
        assert!(stderr.last(usize::MAX).len() <= KEPT);
        assert_eq!(stderr.last(1), ["last"]);
        let count = stderr.count();
        assert!(stderr.last_since(count, 3).is_empty());
        stderr.push("one");
        assert_eq!(stderr.last_since(count, 3), ["one"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_silent_server_said_last_is_shown_once_and_hides_what_it_turns_out_to_be() {
        let (mut writer, reader) = tokio::io::duplex(1 << 20);
        let stderr = stderr();
        let keeping = tokio::spawn(Arc::clone(&stderr).keep(reader));
        writer.write_all(format!("listening\nwith {KEY}\nhalf").as_bytes()).await.unwrap();
        time::sleep(SILENCE * 2).await;
        let lines = stderr.last(9);
        assert_eq!((lines.len(), &*lines[0]), (2, "listening"));
        assert!(!lines[1].contains("1234"), "{lines:?}");
        assert_eq!(stderr.last(1), lines[1..]);
        writer.write_all(b" a line\n-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n").await.unwrap();
        time::sleep(SILENCE * 2).await;
        assert!(!stderr.last(9).join("\n").contains("MIIEvQ"), "{:?}", stderr.last(9));
        writer.write_all(b"BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\nend\n").await.unwrap();
        drop(writer);
        keeping.await.unwrap();
        let lines = stderr.last(99);
        assert_eq!((&*lines[0], &*lines[2], lines.last().unwrap().as_str()), ("listening", "half a line", "end"));
        assert!(!lines.join("\n").contains("BKcwgg"), "{lines:?}");
    }

    #[test]
    fn bytes_that_are_no_text_are_marked() {
        let stderr = fed([b"a\xff".to_vec(), b"\xc3".to_vec(), b"\xa9\r\nb\xe2".to_vec()]);
        assert_eq!(stderr.last(9), ["a\u{fffd}é", "b\u{fffd}"]);
    }

    #[test]
    fn a_new_redactor_counts_from_the_next_line_on() {
        let stderr = Arc::new(Stderr::default());
        let mut intake = Intake::new(Arc::clone(&stderr));
        intake.push(b"plain\n");
        stderr.set_redactor(Redactor::new([KEY.to_owned()]));
        intake.push(b"still the old one\n");
        intake.push(KEY.as_bytes());
        intake.finish();
        assert!(!stderr.last(1)[0].contains("1234"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_dropped_and_said() {
        let (mut writer, reader) = tokio::io::duplex(1 << 20);
        let stderr = stderr();
        let keeping = tokio::spawn(Arc::clone(&stderr).keep(reader));
        for _ in 0..(4 * RATE / 100) {
            writer.write_all(format!("{}\n", "x".repeat(99)).as_bytes()).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        writer.write_all(b"half a line\nwhole\n").await.unwrap();
        drop(writer);
        keeping.await.unwrap();
        let lines = stderr.last(2);
        assert!(lines[0].contains("bytes of standard error were dropped"), "{lines:?}");
        assert_eq!(lines[1], "whole");
    }
}
