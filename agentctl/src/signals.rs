//! Ctrl-C and SIGTERM while a turn runs: the first asks the daemon to cancel, the second ends this process at once.
//!
//! No thread and no unsafe: the handler sets a flag and writes one byte into a socket pair that the client polls
//! beside the daemon's socket, so that no signal is lost between a look and a wait.

use std::{
    io::{self, Read as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use proto::{ErrorKind, Failure};
use signal_hook::consts::{SIGINT, SIGTERM};

/// Exit code of an interrupted run.
const INTERRUPTED: i32 = 130;

/// The installed handlers. Made once per process, before the first turn.
#[derive(Debug)]
pub struct Interrupts {
    wake: UnixStream,
    seen: Arc<AtomicBool>,
    /// True while nothing runs that could be cancelled: SIGTERM then does what it always does.
    idle: Arc<AtomicBool>,
}

impl Interrupts {
    /// Installs the handlers.
    ///
    /// # Errors
    /// When the system has no descriptor or handler to give.
    pub fn install() -> Result<Self, Failure> {
        Self::register().map_err(|e| Failure::new(ErrorKind::Failure, format!("cannot prepare to be interrupted: {e}")))
    }

    fn register() -> io::Result<Self> {
        let (wake, bell) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let seen = Arc::new(AtomicBool::new(false));
        let idle = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register_conditional_default(SIGTERM, Arc::clone(&idle))?;
        for signal in [SIGINT, SIGTERM] {
            // The order matters: the second signal finds the flag that the first one set.
            signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&seen))?;
            signal_hook::flag::register(signal, Arc::clone(&seen))?;
            signal_hook::low_level::pipe::register(signal, bell.try_clone()?)?;
        }
        Ok(Self { wake, seen, idle })
    }

    /// Descriptor that becomes readable with a signal.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// True when a signal came since the last [`Interrupts::arm`].
    pub fn seen(&self) -> bool {
        self.seen.load(Ordering::SeqCst)
    }

    /// Takes the bytes of the signals that came, so that the descriptor is silent again. The flag stays.
    pub fn quiet(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.wake).read(&mut bytes), Ok(1..)) {}
    }

    /// Before a turn: the next signal is the first one.
    pub fn arm(&self) {
        self.quiet();
        self.seen.store(false, Ordering::SeqCst);
        self.idle.store(false, Ordering::SeqCst);
    }

    /// After a turn, at a prompt: nothing can be cancelled.
    pub fn rest(&self) {
        self.arm();
        self.idle.store(true, Ordering::SeqCst);
    }
}
