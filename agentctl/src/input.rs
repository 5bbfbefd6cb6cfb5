//! The question and what belongs to it: words, standard input, files.
//!
//! Refuses rather than cuts: a text over [`TEXT_MAX`] or a binary file is an error that names the way out. Standard
//! input joins only when it is a pipe, a socket or a file; a terminal and `/dev/null` have nothing to say.

use std::{
    fs::{self, File},
    io::{self, IsTerminal as _, Read, Write as _},
    os::{fd::AsFd, unix::fs::FileTypeExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use proto::{Attachment, ErrorKind, Failure};

use crate::{client::wait_readable, exit::usage};

/// Most bytes of one attached text: half a frame, so that its JSON form still fits.
pub const TEXT_MAX: usize = 4 * 1024 * 1024;
/// How long standard input may be silent before the user is told what is waited for.
const STDIN_NOTE: Duration = Duration::from_secs(3);
/// How long it may be silent at all: a build may feed it, a forgotten pipe must not hold a cron job for ever.
const STDIN_SILENCE: Duration = Duration::from_secs(600);
/// A text with a NUL byte this early is binary: the rule of grep and git.
const BINARY_LOOK: usize = 8 * 1024;

/// What the user asks.
#[derive(Debug, PartialEq)]
pub struct Question {
    /// The question itself.
    pub prompt: String,
    /// Texts that belong to it.
    pub attachments: Vec<Attachment>,
}

/// Puts the question together. `-` among the words means standard input; alone, or with no words at all, standard
/// input is the question.
///
/// # Errors
/// Kind `usage` when nothing is asked or a file is not a text, `not_found`, `limit`.
pub fn question(words: &[String], files: &[PathBuf], quiet: bool) -> Result<Question, Failure> {
    let explicit = words.iter().any(|word| word == "-");
    let spoken: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "-").collect();
    let mut prompt = spoken.join(" ");
    let mut attachments = Vec::new();
    let stdin = if prompt.trim().is_empty() && !explicit && io::stdin().is_terminal() {
        return Err(nothing_asked());
    } else if explicit || stdin_speaks() {
        standard_input(quiet)?
    } else {
        String::new()
    };
    if prompt.trim().is_empty() {
        prompt = stdin;
    } else if !stdin.is_empty() {
        attachments.push(Attachment { name: "stdin".to_owned(), text: stdin });
    }
    if prompt.trim().is_empty() {
        return Err(nothing_asked());
    }
    for file in files {
        attachments.push(Attachment { name: file.display().to_string(), text: read_file(file)? });
    }
    Ok(Question { prompt, attachments })
}

/// The directory that the question is about: absolute, as text.
///
/// # Errors
/// Kind `usage` when it is not a directory or not UTF-8.
pub fn directory(chosen: Option<&Path>) -> Result<String, Failure> {
    let path = chosen.unwrap_or(Path::new("."));
    let absolute = fs::canonicalize(path).map_err(|e| usage(format!("cannot work in {}: {e}", path.display())))?;
    if !absolute.is_dir() {
        return Err(usage(format!("cannot work in {}: not a directory", path.display())));
    }
    absolute.into_os_string().into_string().map_err(|path| {
        usage(format!("the path of the working directory is not UTF-8: {}", path.display()))
            .hint("rename it, or choose another directory with -C")
    })
}

fn nothing_asked() -> Failure {
    usage("nothing was asked").hint("agentctl ask \"which module parses the config?\", or agentctl chat")
}

/// True when standard input is a pipe, a socket or a file.
fn stdin_speaks() -> bool {
    let stdin = io::stdin();
    let Ok(owned) = stdin.as_fd().try_clone_to_owned() else { return false };
    File::from(owned).metadata().is_ok_and(|meta| {
        let kind = meta.file_type();
        kind.is_fifo() || kind.is_socket() || (kind.is_file() && meta.len() > 0)
    })
}

/// Standard input to its end, as text.
///
/// # Errors
/// Kind `limit` over [`TEXT_MAX`], `timeout` when it is silent, `usage` when it is no text.
pub fn standard_input(quiet: bool) -> Result<String, Failure> {
    let mut note = (!quiet && !io::stdin().is_terminal())
        .then_some("note: reading standard input to its end; < /dev/null keeps it out of the question\n");
    let mut tell = || {
        if let Some(text) = note.take() {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    };
    let bytes = read_patiently(&mut io::stdin().lock(), &mut tell).map_err(|e| match e.kind() {
        io::ErrorKind::TimedOut => {
            Failure::new(ErrorKind::Timeout, format!("standard input was silent for {} s", STDIN_SILENCE.as_secs()))
                .hint("close the pipe, or keep it out with < /dev/null")
        }
        _ => Failure::new(ErrorKind::Failure, format!("cannot read standard input: {e}")),
    })?;
    text_of("standard input", bytes)
}

/// Reads to the end or to one byte over [`TEXT_MAX`]; calls `tell` once it has to wait long.
fn read_patiently(source: &mut (impl Read + AsFd), tell: &mut dyn FnMut()) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    while bytes.len() <= TEXT_MAX {
        if wait_readable(source, Instant::now() + STDIN_NOTE).is_err() {
            tell();
            wait_readable(source, Instant::now() + STDIN_SILENCE)?;
        }
        match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(bytes)
}

fn read_file(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => Failure::new(ErrorKind::NotFound, format!("no such file: {name}")),
        _ => Failure::new(ErrorKind::Failure, format!("cannot read {name}: {e}")),
    };
    let mut file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(usage(format!("{name} is a directory"))
            .hint("name it in the question; the agent looks into directories itself"));
    }
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    Read::read_to_end(&mut Read::by_ref(&mut file).take(TEXT_MAX as u64 + 1), &mut bytes).map_err(failed)?;
    text_of(&name.to_string(), bytes)
}

/// The bytes as text. Invalid UTF-8 is replaced; a binary or an oversized one is refused.
fn text_of(name: &str, bytes: Vec<u8>) -> Result<String, Failure> {
    if bytes.len() > TEXT_MAX {
        let message = format!("{name} has more than {} MiB", TEXT_MAX / 1024 / 1024);
        return Err(Failure::new(ErrorKind::Limit, message).hint(
            "send a part of it (head, tail, grep), or name the file in the question: the agent reads it itself",
        ));
    }
    if bytes[..bytes.len().min(BINARY_LOOK)].contains(&0) {
        return Err(usage(format!("{name} is binary, not text")).hint("name it in the question instead"));
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_over_the_cap_and_a_binary_are_refused_not_cut() {
        assert_eq!(text_of("x", vec![b'a'; TEXT_MAX]).unwrap().len(), TEXT_MAX);
        assert_eq!(text_of("x", vec![b'a'; TEXT_MAX + 1]).unwrap_err().kind, ErrorKind::Limit);
        assert!(text_of("x", b"\x7fELF\0\0".to_vec()).unwrap_err().message.contains("binary"));
        assert_eq!(text_of("x", b"caf\xe9".to_vec()).unwrap(), "caf\u{fffd}");
    }

    #[test]
    fn an_endless_source_is_read_to_one_byte_over_the_cap_only() {
        let mut endless = File::open("/dev/zero").unwrap();
        let bytes = read_patiently(&mut endless, &mut || {}).unwrap();
        assert!(bytes.len() > TEXT_MAX && bytes.len() <= TEXT_MAX + 64 * 1024);
    }

    #[test]
    fn files_are_read_and_their_faults_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let good = dir.path().join("good.txt");
        fs::write(&good, "text").unwrap();
        assert_eq!(read_file(&good).unwrap(), "text");
        assert_eq!(read_file(&dir.path().join("none")).unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(read_file(dir.path()).unwrap_err().kind, ErrorKind::Usage);
    }

    #[test]
    fn a_working_directory_must_exist_and_be_one() {
        assert!(directory(None).unwrap().starts_with('/'));
        assert_eq!(directory(Some(Path::new("/no/such/dir"))).unwrap_err().kind, ErrorKind::Usage);
        assert_eq!(directory(Some(Path::new("/etc/passwd"))).unwrap_err().kind, ErrorKind::Usage);
    }
}
