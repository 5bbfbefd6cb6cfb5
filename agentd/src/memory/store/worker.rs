//! The thread that owns the open store, and the messages to it.
//!
//! Owns the queue, its bounds and the deadlines of those who wait. Refuses to make anybody wait longer than they: a
//! thread that hangs in the disk cannot be ended, so it is left alone and says through the board that it hangs; if it
//! comes back, disk and RAM are compared. Several writes that wait for an acknowledgement share one commit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{Opened, Owner, Row, StoreError, backend::Medium, health::Board, keeper::Keeper, record::Name};

/// Messages that may wait. The thread does thousands a second; more than this means that the disk hangs.
const QUEUE_MAX: usize = 1024;
/// Bytes of records that may wait, so that a hanging disk does not fill the memory.
const QUEUE_BYTES: usize = 16 * 1024 * 1024;
/// How long a caller waits for its acknowledgement before it goes on in RAM.
pub(super) const ACK_WITHIN: Duration = Duration::from_secs(2);
/// How long a caller waits for a rewrite of the whole store: a tenth of a second at the caps, more on a slow disk.
pub(super) const REWRITE_WITHIN: Duration = Duration::from_secs(20);
/// How long the end of the daemon waits for the disk.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);
/// Acknowledgements that share one commit.
const SHARED_MAX: usize = 64;
/// After this much quiet the unacknowledged is committed, and what failed is looked at again.
const SOON: Duration = Duration::from_secs(2);
/// With nothing to do, the sizes are looked at this often.
const LATER: Duration = Duration::from_secs(60);

pub(super) type Ack = oneshot::Sender<Result<(), StoreError>>;

pub(super) enum Job {
    Put(Row, Option<Ack>),
    Remove(Name, Option<Ack>),
    Flush(Ack),
    Tidy(Ack),
    /// The whole content, and whether what was set aside is erased too.
    Rewrite(Vec<Row>, bool, Ack),
    Stop,
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Self::Put(stored, _) => stored.body.len(),
            Self::Rewrite(records, ..) => records.iter().map(|stored| stored.body.len()).sum(),
            _ => 0,
        }
    }
}

/// The sending side.
pub(super) struct Queue {
    jobs: SyncSender<Job>,
    waiting: Arc<AtomicUsize>,
    board: Arc<Board>,
}

impl Queue {
    /// Hands over a message, or says at once that it cannot be taken. A rewrite is the RAM itself and is always taken.
    pub(super) fn send(&self, job: Job) -> Result<(), StoreError> {
        let bytes = job.bytes();
        let before = self.waiting.fetch_add(bytes, Ordering::AcqRel);
        let full = before > 0 && before.saturating_add(bytes) > QUEUE_BYTES && !matches!(job, Job::Rewrite(..));
        let sent = if full { Err(StoreError::Busy) } else { self.jobs.try_send(job).map_err(refused) };
        if sent.is_err() {
            self.waiting.fetch_sub(bytes, Ordering::AcqRel);
        }
        sent
    }

    pub(super) async fn ask(&self, within: Duration, job: impl FnOnce(Ack) -> Job) -> Result<(), StoreError> {
        let (ack, answer) = oneshot::channel();
        self.send(job(ack))?;
        match tokio::time::timeout(within, answer).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(StoreError::Closed),
            Err(_) => {
                self.board.error("no acknowledgement within the deadline");
                Err(StoreError::Late)
            }
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of map_err; the job in it is dropped")]
fn refused(error: TrySendError<Job>) -> StoreError {
    match error {
        TrySendError::Full(_) => StoreError::Busy,
        TrySendError::Disconnected(_) => StoreError::Closed,
    }
}

/// A running thread.
pub(super) struct Worker {
    pub(super) queue: Queue,
    ended: std::sync::Mutex<Receiver<()>>,
}

impl Worker {
    /// Starts the thread; what it opened arrives on the receiver.
    pub(super) fn start(
        medium: Box<dyn Medium>,
        owner: Box<dyn Owner>,
        board: &Arc<Board>,
    ) -> std::io::Result<(Self, Receiver<Opened>)> {
        let (jobs, inbox) = sync_channel(QUEUE_MAX);
        let (tell, opened) = sync_channel(1);
        let (end, ended) = sync_channel(1);
        let waiting = Arc::new(AtomicUsize::new(0));
        let inside = Inside { inbox, board: Arc::clone(board), waiting: Arc::clone(&waiting) };
        std::thread::Builder::new().name("store".to_owned()).spawn(move || {
            inside.run(medium, owner, &tell);
            let _ = end.send(());
        })?;
        let queue = Queue { jobs, waiting, board: Arc::clone(board) };
        Ok((Self { queue, ended: std::sync::Mutex::new(ended) }, opened))
    }

    /// Ends the thread after what is queued; false when it did not end in time and was left alone.
    pub(super) fn stop(&self) -> bool {
        let until = Instant::now() + CLOSE_WITHIN;
        while let Err(StoreError::Busy) = self.queue.send(Job::Stop) {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let left = until.saturating_duration_since(Instant::now());
        crate::sync::lock(&self.ended).recv_timeout(left) != Err(RecvTimeoutError::Timeout)
    }
}

/// What the thread has.
struct Inside {
    inbox: Receiver<Job>,
    board: Arc<Board>,
    waiting: Arc<AtomicUsize>,
}

impl Inside {
    fn run(self, medium: Box<dyn Medium>, owner: Box<dyn Owner>, tell: &SyncSender<Opened>) {
        let owner = Arc::new(owner);
        let mut keeper = Keeper::new(medium, Box::new(Arc::clone(&owner)), Arc::clone(&self.board));
        self.board.busy(true);
        let opened = keeper.start();
        self.board.busy(false);
        // Nobody waits any more: the daemon went on without, and hears of it now.
        if let Err(unheard) = tell.send(opened) {
            owner.late(unheard.0.records);
        }
        while self.step(&mut keeper) {}
        keeper.stop();
    }

    /// One message and those that wait behind it; false at the end.
    fn step(&self, keeper: &mut Keeper) -> bool {
        let first = match self.inbox.recv_timeout(if keeper.restless() { SOON } else { LATER }) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return false,
        };
        self.board.busy(true);
        let on = match first {
            Some(job) => self.batch(keeper, job),
            None => {
                keeper.tick();
                true
            }
        };
        self.board.busy(false);
        on
    }

    fn batch(&self, keeper: &mut Keeper, first: Job) -> bool {
        let (mut acks, mut next, mut on) = (Vec::new(), Some(first), true);
        while let Some(job) = next {
            self.waiting.fetch_sub(job.bytes(), Ordering::AcqRel);
            on = act(keeper, job, &mut acks);
            next = if on && acks.len() < SHARED_MAX { self.inbox.try_recv().ok() } else { None };
            self.board.busy(true);
        }
        if !acks.is_empty() {
            answer(acks, &keeper.commit_or_recover());
        }
        keeper.tidy_if_due();
        on
    }
}

/// Does one message; acknowledgements are collected for one commit. False: stop.
fn act(keeper: &mut Keeper, job: Job, acks: &mut Vec<Ack>) -> bool {
    let (done, ack) = match job {
        Job::Put(stored, ack) => (keeper.put(&stored), ack),
        Job::Remove(name, ack) => (keeper.remove(name), ack),
        Job::Flush(ack) => (Ok(()), Some(ack)),
        Job::Tidy(ack) => return answer_now(ack, keeper.tidy()),
        Job::Rewrite(records, erase, ack) => return answer_now(ack, keeper.rewrite(&records, erase)),
        Job::Stop => return false,
    };
    match (done, ack) {
        (Ok(()), Some(ack)) => acks.push(ack),
        (Err(error), Some(ack)) => _ = ack.send(Err(error)),
        (_, None) => {}
    }
    true
}

fn answer_now(ack: Ack, done: Result<(), StoreError>) -> bool {
    // Whoever asked may have gone.
    let _ = ack.send(done);
    true
}

fn answer(acks: Vec<Ack>, done: &Result<(), StoreError>) {
    for ack in acks {
        let _ = ack.send(done.clone());
    }
}
