//! The store's cells in sled; the only file that names it.
//!
//! Owns how sled is opened, what its errors mean and what makes a write durable. Each line of it was paid for:
//! - an interrupted snapshot (`snap.*.generating`) is taken for the newest one and blocks every later open: deleted;
//! - `flush` does not force the file to the disk on Linux: our own handle of the file does;
//! - sled can wait for ever: while it makes room for a segment it holds a lock and waits for the file to be cut by its
//!   thread pool, and all threads of the pool may be waiting for that lock to write (seen after some 30,000 writes in a
//!   row). So never more writes are under way than the pool has threads: each batch is flushed before the next, a batch
//!   has half a megabyte at most, and the periodic flusher, which moves garbage in between, is off;
//! - without it waste is not collected: `keeper` rewrites the store when there is too much of it. What is gained: no
//!   thread that ends on its first error, and no wait for it when the store is closed;
//! - an error is remembered inside and returned from then on, for reads too: it means reopen;
//! - a store that was closed a moment ago may still be locked by sled's own threads: its lock is waited for a little;
//! - after a panic inside sled, dropping it may wait for ever: see `keeper`, which drops on a thread of its own;
//! - the compression feature and the segment size can never be changed for existing files: chosen once.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use rustix::io::Errno;

use super::backend::{Backend, Batch, Fault, FaultKind};

/// sled's page cache. All hot data is in the RAM of the owner already; this is for its own pages while it writes.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// sled's files grow by segments. With its own 512 KiB, 300 answers take 3.7 times their bytes after a rewrite; with a
/// quarter of that less than 3. Pieces are a quarter as long too, so a page stays as far below the size that sled moves
/// into a file of its own. Cannot be changed for existing files.
const SEGMENT_BYTES: usize = 128 * 1024;
/// How long sled's lock is waited for: ten times what its threads were seen to take.
const LOCK_WITHIN: Duration = Duration::from_millis(300);
/// Between two tries of the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(5);
/// sled's words when another process has the file open.
const LOCKED: &str = "could not acquire lock";

pub(super) struct Disk {
    db: sled::Db,
    /// A handle of the data file, to force it to the disk.
    file: File,
    dir: std::path::PathBuf,
}

impl Disk {
    /// Opens or makes the store in this directory, which must exist.
    pub(super) fn open(dir: &Path) -> Result<Self, Fault> {
        remove_half_snapshots(dir).map_err(|error| Fault::trouble("clearing half-written snapshots", &error))?;
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).mode(sled::Mode::LowSpace);
        let config = config.segment_size(SEGMENT_BYTES).flush_every_ms(None);
        let db = open_unlocked(&config).map_err(|error| fault("opening", &error))?;
        let file = File::open(dir.join("db")).map_err(|error| Fault::trouble("opening the data file", &error))?;
        for name in ["db", "conf"] {
            // The directory is ours alone already; this only keeps a copy of it private too.
            let _ = fs::set_permissions(dir.join(name), Permissions::from_mode(0o600));
        }
        Ok(Self { db, file, dir: dir.to_owned() })
    }
}

/// Opens the store, and waits a moment for its lock. Whoever is here holds the daemon's own lock, so what holds sled's is
/// about to let go: its threads outlive a closed store by a little, and so does a child between fork and exec.
fn open_unlocked(config: &sled::Config) -> Result<sled::Db, sled::Error> {
    let until = Instant::now() + LOCK_WITHIN;
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if error.to_string().contains(LOCKED) && Instant::now() < until => {
                std::thread::sleep(LOCK_PAUSE);
            }
            opened => return opened,
        }
    }
}

fn remove_half_snapshots(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl Backend for Disk {
    fn apply(&mut self, batch: &Batch) -> Result<(), Fault> {
        let mut cells = sled::Batch::default();
        for (key, value) in &batch.cells {
            match value {
                Some(value) => cells.insert(key.as_slice(), value.as_slice()),
                None => cells.remove(key.as_slice()),
            }
        }
        self.db.apply_batch(cells).map_err(|error| fault("writing", &error))?;
        self.db.flush().map(drop).map_err(|error| fault("writing", &error))
    }

    fn scan(&mut self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Fault> {
        for cell in self.db.iter() {
            let (key, value) = cell.map_err(|error| fault("reading", &error))?;
            each(&key, &value);
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Fault> {
        self.db.flush().map_err(|error| fault("flushing", &error))?;
        self.file.sync_all().map_err(|error| Fault::trouble("forcing the data to the disk", &error))
    }

    fn disk_bytes(&self) -> u64 {
        bytes_below(&self.dir)
    }
}

/// Bytes of the files in a directory and one level below it: sled has no deeper one.
fn bytes_below(dir: &Path) -> u64 {
    let files = |dir: &Path| -> Vec<fs::DirEntry> { fs::read_dir(dir).into_iter().flatten().flatten().collect() };
    let length = |entry: &fs::DirEntry| entry.metadata().map_or(0, |meta| if meta.is_file() { meta.len() } else { 0 });
    let deeper = files(&dir.join("blobs"));
    files(dir).iter().chain(&deeper).map(length).sum()
}

fn fault(doing: &str, error: &sled::Error) -> Fault {
    // sled ends some of its texts with an empty backtrace.
    let told = error.to_string();
    let text = format!("{doing}: {}", told.split(" backtrace (").next().unwrap_or(&told).trim_end());
    let kind = match error {
        sled::Error::Io(error) if error.to_string().contains(LOCKED) => FaultKind::Locked,
        sled::Error::Io(error) if is_the_systems(error) => FaultKind::Trouble,
        _ => FaultKind::Damaged,
    };
    Fault::new(kind, text)
}

/// Whether the system refused, rather than the content being unreadable. sled copies errors by kind and text and loses
/// their number, so both are asked.
fn is_the_systems(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    let kinds = [
        Kind::StorageFull,
        Kind::QuotaExceeded,
        Kind::PermissionDenied,
        Kind::ReadOnlyFilesystem,
        Kind::OutOfMemory,
        Kind::TimedOut,
        Kind::Interrupted,
    ];
    let numbers = [Errno::IO, Errno::MFILE, Errno::NFILE, Errno::NODEV, Errno::NXIO, Errno::STALE];
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    kinds.contains(&error.kind())
        || number.is_some_and(|number| numbers.contains(&number))
        || error.to_string().contains(&io::Error::from(Errno::IO).to_string())
}
