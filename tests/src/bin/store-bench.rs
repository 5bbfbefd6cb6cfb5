//! The store's figures, one line each with its bound; exit status 1 when one is missed. Started by `tests/bench/store`.
//!
//! `store-bench [OVERWRITES]`

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use agentd::memory::store::{Health, Opened, Owner, Row, Shelf, Store, StoreError};

/// Live records of the two kinds, as the caps have them, and the bytes of each.
const ANSWERS: u16 = 300;
const ANSWER_BYTES: usize = 3000;
const CONVERSATIONS: u16 = 20;
const CONVERSATION_BYTES: usize = 20_000;
const OVERWRITES: u64 = 100_000;
/// Deadlines of two seconds that a flush may miss.
const PATIENCE: usize = 15;
/// Openings whose median counts.
const OPENINGS: usize = 9;

type Held = Arc<Mutex<BTreeMap<[u8; 16], Row>>>;

struct Ram(Held);

impl Owner for Ram {
    fn records(&self) -> Vec<Row> {
        self.0.lock().map(|held| held.values().cloned().collect()).unwrap_or_default()
    }

    fn late(&self, _records: Vec<Row>) {}
}

/// JSON of words, which compresses as answers do.
fn record(shelf: Shelf, number: u16, len: usize, rng: &mut fastrand::Rng) -> Row {
    let mut body = String::from("{\"answer\":\"");
    while body.len() < len {
        body.extend((0..rng.usize(2..9)).map(|_| char::from(*rng.choice(b"etaoinshrdlucmfw").unwrap_or(&b'e'))));
        body.push(' ');
    }
    body.push_str("\"}");
    let mut id = [0; 16];
    let spread = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    id.iter_mut().zip(spread).for_each(|(place, byte)| *place = byte);
    Row { shelf, id, version: 1, body: body.into_bytes() }
}

struct Figures(bool);

impl Figures {
    fn line(&mut self, name: &str, value: f64, unit: &str, bound: f64) -> io::Result<()> {
        let missed = if value <= bound { "" } else { "   MISSED" };
        self.0 |= value > bound;
        writeln!(io::stdout(), "{name:<52}{value:>10.2} {unit:<4} bound {bound}{missed}")
    }
}

fn open(dir: &Path, held: &Held) -> (Store, Opened, Duration) {
    let begin = Instant::now();
    let (store, opening) = Store::open(dir, Ram(Arc::clone(held)));
    let opened = opening.wait_blocking();
    (store, opened, begin.elapsed())
}

fn keep(store: &Store, held: &Held, record: Row) {
    if let Ok(mut held) = held.lock() {
        held.insert(record.id, record.clone());
    }
    store.keep(record);
}

/// Resident memory in KiB.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn share(of: u64, to: u64) -> f64 {
    of as f64 / to.max(1) as f64
}

/// A busy machine may take longer than a caller of the daemon would wait.
async fn flush(store: &Store) -> Result<(), StoreError> {
    for _ in 0..PATIENCE {
        match store.flush().await {
            Err(StoreError::Late) => {}
            done => return done,
        }
    }
    Err(StoreError::Late)
}

async fn measure(dir: &Path, overwrites: u64) -> Result<bool, Box<dyn std::error::Error>> {
    let mut figures = Figures(false);
    let mut rng = fastrand::Rng::with_seed(3);
    let held = Held::default();
    let (store, ..) = open(dir, &held);
    for number in 0..ANSWERS {
        keep(&store, &held, record(Shelf::Answer, number, ANSWER_BYTES, &mut rng));
    }
    let (begin, mut peak) = (Instant::now(), Health::default());
    for at in 0..overwrites {
        let number = u16::try_from(at % u64::from(ANSWERS))?;
        keep(&store, &held, record(Shelf::Answer, number, ANSWER_BYTES - rng.usize(..1000), &mut rng));
        if at % 500 == 0 {
            flush(&store).await?;
            let health = store.health();
            peak = if health.disk_bytes > peak.disk_bytes { health } else { peak };
        }
    }
    flush(&store).await?;
    let took = begin.elapsed();
    store.tidy().await?;
    let health = store.health();
    writeln!(io::stdout(), "{overwrites} overwrites in {took:.1?}; {health:?}")?;
    figures.line("disk over live, largest seen while writing", share(peak.disk_bytes, peak.live_bytes), "x", 9.0)?;
    figures.line("disk over live, after the clean-up", share(health.disk_bytes, health.live_bytes), "x", 3.0)?;
    let mut acks = Vec::new();
    for number in 0..CONVERSATIONS {
        let record = record(Shelf::Conversation, 1000 + number, CONVERSATION_BYTES, &mut rng);
        let begin = Instant::now();
        store.keep_acked(record).await?;
        acks.push(begin.elapsed());
    }
    acks.sort();
    figures.line("an acknowledged write, median", acks[acks.len() / 2].as_secs_f64() * 1000.0, "ms", 20.0)?;
    store.tidy().await?;
    let health = store.health();
    figures.line("all caps full: disk", share(health.disk_bytes, 1 << 20), "MiB", 3.0)?;
    figures.line("all caps full: disk over live", share(health.disk_bytes, health.live_bytes), "x", 3.0)?;
    store.close();
    let mut times = Vec::new();
    for _ in 0..OPENINGS {
        let (store, opened, took) = open(dir, &held);
        assert_eq!(opened.records.len(), usize::from(ANSWERS + CONVERSATIONS), "{:?}", opened.report);
        store.close();
        times.push(took);
    }
    times.sort();
    figures.line("open with all caps full, median", times[OPENINGS / 2].as_secs_f64() * 1000.0, "ms", 20.0)?;
    Ok(figures.0)
}

/// In a process that has done nothing else: what an open store adds.
fn memory_of(dir: &Path) -> io::Result<bool> {
    let before = resident();
    let (store, opened, _) = open(dir, &Held::default());
    drop(opened);
    std::thread::sleep(Duration::from_secs(1));
    let mut figures = Figures(false);
    figures.line("an open store adds, all caps full", (resident() - before) / 1024.0, "MiB", 5.0)?;
    store.close();
    Ok(figures.0)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("--memory") => memory_of(Path::new(arguments.get(1).map_or("", String::as_str))).map_err(Into::into),
        overwrites => run(overwrites.and_then(|text| text.parse().ok()).unwrap_or(OVERWRITES)),
    };
    match done {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "store-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(overwrites: u64) -> Result<bool, Box<dyn std::error::Error>> {
    let state = tempfile::tempdir()?;
    let dir = state.path().join("memory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let missed = runtime.block_on(measure(&dir, overwrites))?;
    #[expect(clippy::disallowed_methods, reason = "a fresh process, for its memory")]
    let status = std::process::Command::new(std::env::current_exe()?).arg("--memory").arg(&dir).status()?;
    Ok(missed || !status.success())
}
