//! What every command shares: the global flags, the terminal, the way to the daemon.

use std::{
    cell::Cell,
    io::{self, Write as _},
    time::Duration,
};

use proto::{ErrorKind, Failure, Request, Response, StatusReport, StatusRequest, endpoint::Endpoint};

use crate::{
    autostart,
    cli::Global,
    client::{self, Client},
    connect,
    render::{sanitize, screen::Screen},
};

/// The state of one run.
#[derive(Debug)]
pub struct App {
    /// Where the daemon is.
    pub endpoint: Endpoint,
    /// What the streams can show.
    pub screen: Screen,
    no_autostart: bool,
    /// The user has been told about a daemon of another build: once is enough for a chat.
    skew_told: Cell<bool>,
}

impl App {
    /// Reads the environment.
    ///
    /// # Errors
    /// Kind `unreachable` when it names no usable place for a daemon.
    pub fn new(global: &Global) -> Result<Self, Failure> {
        let screen = Screen::detect(global);
        Ok(Self {
            endpoint: connect::endpoint()?,
            screen,
            no_autostart: global.no_autostart,
            skew_told: Cell::new(false),
        })
    }

    /// A connection to the daemon, which is started when it is absent.
    ///
    /// # Errors
    /// Kind `unreachable`.
    pub fn open(&self) -> Result<Client, Failure> {
        let client = match connect::probe(&self.endpoint)? {
            Some(client) => client,
            None if self.no_autostart => return Err(absent()),
            None => autostart::start(&self.endpoint)?,
        };
        self.note_skew(&client);
        Ok(client)
    }

    /// A connection to the daemon if it runs; it is not started.
    ///
    /// # Errors
    /// Kind `unreachable` when somebody is there who must not be talked to.
    pub fn running(&self) -> Result<Option<Client>, Failure> {
        let client = connect::probe(&self.endpoint)?;
        if let Some(client) = &client {
            self.note_skew(client);
        }
        Ok(client)
    }

    /// One request without events, on a new connection; the daemon is started when it is absent.
    ///
    /// # Errors
    /// What the daemon answers, and kind `unreachable`.
    pub fn call(&self, request: Request, limit: Duration) -> Result<Response, Failure> {
        self.open()?.call(request, limit)
    }

    /// One line for the user on standard error, unless `-q`.
    pub fn note(&self, text: &str) {
        if !self.screen.quiet {
            let line = format!("note: {}\n", sanitize::one_line(text, sanitize::LINE_MAX));
            let _ = io::stderr().lock().write_all(line.as_bytes());
        }
    }

    fn note_skew(&self, client: &Client) {
        if let Some(note) = connect::skew(client.daemon()).filter(|_| !self.skew_told.replace(true)) {
            self.note(&note);
        }
    }
}

/// How the daemon is.
///
/// # Errors
/// As [`Client::call`].
pub fn status(client: &mut Client) -> Result<StatusReport, Failure> {
    match client.call(Request::Status(StatusRequest {}), client::QUICK)? {
        Response::Status(report) => Ok(report),
        _ => Err(unexpected()),
    }
}

/// The failure when the daemon does not run and is not started.
pub fn absent() -> Failure {
    Failure::new(ErrorKind::Unreachable, "agentd is not running").hint("agentctl daemon start, or just agentctl ask")
}

/// The failure when a reply is not the one that belongs to the request.
pub fn unexpected() -> Failure {
    Failure::new(ErrorKind::Failure, "agentd answered something else than was asked")
        .hint("agentctl daemon restart starts the agentd beside this agentctl")
}
