use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{check::CHECK_TIME, stat::RACY, *};
use crate::{
    redact::{ModelView, Redactor},
    tools::{Project, ToolContext, ToolLimits, Toolbox, builtin},
};

mod edits;
mod history;

const SECRET: &str = "k-1234567890";

/// Built once: a thousand conversations have the same.
static TOOLBOX: LazyLock<Toolbox> = LazyLock::new(|| Toolbox::new(builtin::toolbox()));
static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new([SECRET.to_owned()]));

/// A project, and a model that looks at it.
struct Bench {
    _directory: tempfile::TempDir,
    root: PathBuf,
    project: Arc<Project>,
    digests: Digests,
}

fn bench() -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap().join("project");
    fs::create_dir_all(root.join(".git")).unwrap();
    let project = Arc::new(Project::find_with_home(&root, None).unwrap().unwrap());
    Bench { _directory: directory, root, project, digests: Digests::default() }
}

fn context(project: &Arc<Project>) -> ToolContext {
    ToolContext {
        project: Some(Arc::clone(project)),
        cancel: CancellationToken::new(),
        limits: ToolLimits { command_timeout: Duration::from_secs(20), output_cap: 4096, result_cap: 50_000 },
        seen: Arc::default(),
        view: ModelView::new(REDACTOR.clone(), Arc::default()),
        preferences: None,
        mcp: Default::default(),
        results: Default::default(),
    }
}

fn run(tool: &str, arguments: Value, context: &ToolContext) -> ToolOutput {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> =
        LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
    RUNTIME.block_on(TOOLBOX.get(tool).unwrap().call(context, arguments))
}

impl Bench {
    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn call(&self, tool: &str, arguments: Value) -> ToolOutput {
        run(tool, arguments, &context(&self.project))
    }

    /// What a call rests on; exactly one thing.
    fn seen(&self, tool: &str, arguments: Value) -> Observed {
        let output = self.call(tool, arguments);
        match output.rests {
            Rests::On(mut observed) if observed.len() == 1 => observed.pop().unwrap(),
            rests => panic!("{tool} rests on {rests:?}: {}", output.text),
        }
    }

    fn check(&self, observed: &Observed) -> Result<Refreshed, Changed> {
        check(&context(&self.project), std::slice::from_ref(observed), &self.digests)
    }

    fn holds(&self, observed: &Observed) {
        assert!(self.check(observed).is_ok(), "{:?} of {observed:?}", self.check(observed));
    }

    #[track_caller]
    fn changed(&self, observed: &Observed, why: Why) {
        assert_eq!(self.check(observed).unwrap_err().why, why, "{observed:?}");
    }
}

/// Until equal stats are proof.
fn rest() {
    sleep(RACY + Duration::from_millis(100));
}

fn is_file(observed: &Observed) -> bool {
    matches!(observed, Observed::File { .. })
}

/// The file has its old times again.
fn set_times(path: &Path, metadata: &fs::Metadata) {
    let times =
        fs::FileTimes::new().set_accessed(metadata.accessed().unwrap()).set_modified(metadata.modified().unwrap());
    fs::File::open(path).unwrap().set_times(times).unwrap();
}

#[test]
fn a_file_read_whole_or_in_part_is_known_by_all_its_bytes() {
    let bench = bench();
    bench.file("a.txt", "1\n2\n3\n");
    for arguments in [
        json!({"path": "a.txt"}),
        json!({"path": "./x/../a.txt", "head": 1}),
        json!({"path": "a.txt", "tail": 1}),
        json!({"path": "a.txt", "offset": 2, "limit": 1}),
        json!({"path": bench.path("a.txt")}),
    ] {
        let Observed::File { path, stat, digest, .. } = bench.seen("read_text_file", arguments) else { panic!() };
        assert_eq!((path.as_str(), digest), ("a.txt", Digest::of(b"1\n2\n3\n")));
        assert_eq!(stat.size, 6);
    }
    bench.file("b.txt", "b");
    let Rests::On(both) = bench.call("read_multiple_files", json!({"paths": ["a.txt", "b.txt"]})).rests else {
        panic!()
    };
    assert_eq!(both.iter().filter(|one| is_file(one)).count(), 2);
}

#[test]
fn a_part_of_a_file_rests_also_on_the_rest() {
    let bench = bench();
    bench.file("a.txt", "1\n2\n3\n");
    let seen = bench.seen("read_text_file", json!({"path": "a.txt", "head": 1}));
    bench.holds(&seen);
    bench.file("a.txt", "1\n2\n4\n");
    bench.changed(&seen, Why::Edited);
}

#[test]
fn a_racy_file_is_compared_by_content_and_is_then_quick_again() {
    let bench = bench();
    bench.file("a.txt", "one");
    let mut seen = bench.seen("read_text_file", json!({"path": "a.txt"}));
    let refreshed = bench.check(&seen).unwrap();
    assert!(!refreshed.is_empty(), "it was read within the window");
    rest();
    let refreshed = bench.check(&seen).unwrap();
    assert!(!refreshed.is_empty());
    refreshed.apply(std::slice::from_mut(&mut seen));
    assert!(bench.check(&seen).unwrap().is_empty(), "stat alone decides now");
    let metadata = fs::metadata(bench.path("a.txt")).unwrap();
    fs::write(bench.path("a.txt"), "two").unwrap();
    set_times(&bench.path("a.txt"), &metadata);
    bench.changed(&seen, Why::Edited);
}

#[test]
fn a_touched_file_holds() {
    let bench = bench();
    bench.file("a.txt", "one");
    rest();
    let seen = bench.seen("read_text_file", json!({"path": "a.txt"}));
    assert!(bench.check(&seen).unwrap().is_empty());
    fs::File::open(bench.path("a.txt")).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    assert!(!bench.check(&seen).unwrap().is_empty());
}

#[test]
fn what_is_gone_or_not_a_file_any_more_is_said_so_without_waiting() {
    let bench = bench();
    bench.file("a.txt", "one");
    let seen = bench.seen("read_text_file", json!({"path": "a.txt"}));
    fs::remove_file(bench.path("a.txt")).unwrap();
    bench.changed(&seen, Why::Gone);
    rustix::fs::mknodat(rustix::fs::CWD, bench.path("a.txt"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    bench.changed(&seen, Why::Unreadable);
    fs::remove_file(bench.path("a.txt")).unwrap();
    symlink("a.txt", bench.path("a.txt")).unwrap();
    bench.changed(&seen, Why::Unreadable);
    fs::remove_file(bench.path("a.txt")).unwrap();
    fs::create_dir(bench.path("a.txt")).unwrap();
    bench.changed(&seen, Why::Unreadable);
    fs::remove_dir(bench.path("a.txt")).unwrap();
    fs::File::create(bench.path("a.txt")).unwrap().set_len(1 << 40).unwrap();
    let start = Instant::now();
    bench.changed(&seen, Why::Edited);
    assert!(start.elapsed() < CHECK_TIME);
}

#[test]
fn a_symlink_is_followed_again_and_never_out_of_the_project() {
    let bench = bench();
    bench.file("a.txt", "same");
    bench.file("b.txt", "other");
    bench.file(".env", "same");
    fs::write(bench.root.parent().unwrap().join("loot"), "same").unwrap();
    let link = |target: &str| {
        let _absent = fs::remove_file(bench.path("link"));
        symlink(target, bench.path("link")).unwrap();
    };
    link("a.txt");
    let seen = bench.seen("read_text_file", json!({"path": "link"}));
    bench.holds(&seen);
    link("b.txt");
    bench.changed(&seen, Why::Edited);
    for outside in ["../loot", ".env"] {
        link(outside);
        bench.changed(&seen, Why::Unreadable);
    }
}

#[test]
fn a_listing_rests_on_names_not_on_contents() {
    let bench = bench();
    bench.file("d/a", "1");
    let seen = bench.seen("list_directory", json!({"path": "d"}));
    let root = bench.seen("list_directory", json!({"path": "."}));
    assert!(matches!(&root, Observed::Listing { path, .. } if path == "."));
    bench.file("d/a", "2");
    bench.holds(&seen);
    bench.file("d/b", "");
    bench.changed(&seen, Why::Listing);
    fs::remove_file(bench.path("d/b")).unwrap();
    bench.holds(&seen);
    bench.holds(&root);
    fs::remove_dir_all(bench.path("d")).unwrap();
    bench.changed(&seen, Why::Gone);
    bench.changed(&root, Why::Listing);
}

#[test]
fn a_search_holds_by_its_sweep_and_else_by_its_result() {
    let bench = bench();
    bench.file("a.txt", "needle\n");
    bench.file("b.md", "needle\n");
    rest();
    let seen = bench.seen("search_content", json!({"path": ".", "pattern": "needle", "glob": "*.txt"}));
    assert!(matches!(seen, Observed::Call { sweep: Some(_), .. }), "{seen:?}");
    assert!(bench.check(&seen).unwrap().is_empty());
    bench.file("b.md", "edited, but not searched\n");
    assert!(bench.check(&seen).unwrap().is_empty());
    bench.file("c.txt", "nothing in it\n");
    bench.holds(&seen);
    bench.file("c.txt", "a needle\n");
    let changed = bench.check(&seen).unwrap_err();
    assert_eq!((changed.what.as_str(), changed.why), ("search_content . needle", Why::Search));
    fs::remove_file(bench.path("c.txt")).unwrap();
    bench.holds(&seen);
    bench.file(".gitignore", "a.txt\n");
    bench.changed(&seen, Why::Search);
}

#[test]
fn a_sweep_is_renewed_when_the_result_is_the_same() {
    let bench = bench();
    bench.file("a.txt", "needle\n");
    let mut seen = bench.seen("search_content", json!({"path": ".", "pattern": "needle"}));
    assert!(matches!(seen, Observed::Call { sweep: None, .. }), "racy: {seen:?}");
    rest();
    bench.check(&seen).unwrap().apply(std::slice::from_mut(&mut seen));
    assert!(matches!(seen, Observed::Call { sweep: Some(_), .. }), "{seen:?}");
    assert!(bench.check(&seen).unwrap().is_empty());
}

#[test]
fn a_file_that_was_not_there_may_appear() {
    let bench = bench();
    bench.file("a.txt", "a");
    let missing = bench.seen("read_text_file", json!({"path": "new.txt"}));
    let one_of_two = bench.seen("read_multiple_files", json!({"paths": ["a.txt", "new.txt"]}));
    let found = bench.seen("search_files", json!({"path": ".", "pattern": "*.txt"}));
    let tree = bench.seen("directory_tree", json!({"path": "."}));
    let info = bench.seen("get_file_info", json!({"path": "new.txt"}));
    for seen in [&missing, &one_of_two, &found, &tree, &info] {
        bench.holds(seen);
    }
    bench.file("new.txt", "");
    for seen in [&missing, &one_of_two, &tree, &info] {
        bench.changed(seen, Why::Result);
    }
    bench.changed(&found, Why::Search);
}

#[test]
fn a_hidden_value_has_another_number_and_the_text_is_the_same() {
    let bench = bench();
    bench.file("a.txt", format!("key = {SECRET}\n"));
    let context = context(&bench.project);
    // In a longer conversation, the value is not the first.
    let search = json!({"path": ".", "pattern": "key"});
    let output = run("search_content", search.clone(), &context);
    assert!(output.text.contains("[REDACTED:1]"), "{}", output.text);
    let later = ToolOutput {
        text: output.text.replace("[REDACTED:1]", "[REDACTED:9]"),
        rests: Rests::Again { sweep: None },
        ..output
    };
    let Rests::On(seen) = Rests::of_call("search_content", &search, &later) else { panic!() };
    bench.holds(&seen[0]);
}

#[test]
fn what_cannot_be_verified_is_unknown_and_what_depends_on_no_file_is_nothing() {
    let bench = bench();
    bench.file("a.txt", "a");
    for (tool, arguments) in [
        ("write_file", json!({"path": "b.txt", "content": "b"})),
        ("create_directory", json!({"path": "d"})),
        ("move_file", json!({"source": "b.txt", "destination": "c.txt"})),
        ("edit_file", json!({"path": "a.txt", "edits": [{"oldText": "a", "newText": "b"}], "dryRun": true})),
        ("shell_execute", json!({"command": ["cat", "a.txt"]})),
        ("search_files", json!({"path": ".", "pattern": "x".repeat(MAX_ARGUMENTS)})),
    ] {
        assert_eq!(bench.call(tool, arguments).rests, Rests::Unknown, "{tool}");
    }
    for (tool, arguments) in [("read_text_file", json!({})), ("shell_execute", json!({"command": []}))] {
        assert_eq!(bench.call(tool, arguments).rests, Rests::Nothing, "{tool}");
    }
    let cancelled = context(&bench.project);
    cancelled.cancel.cancel();
    let output = run("search_files", json!({"path": ".", "pattern": "*"}), &cancelled);
    assert_eq!(output.rests, Rests::Unknown);
}

#[test]
fn only_reads_run_again() {
    let bench = bench();
    let digest = Digest::of(b"");
    for tool in ["write_file", "shell_execute", "move_file", "mcp__x__y", ""] {
        let (tool, arguments) = (tool.to_owned(), json!({"path": "made", "content": ""}).to_string());
        bench.changed(&Observed::Call { tool, arguments, digest, sweep: None }, Why::Unreadable);
    }
    for arguments in ["", "[]", "{\"path\":1}", "{\"path\":\"a\",\"new\":true}"] {
        let (tool, arguments) = ("read_text_file".to_owned(), arguments.to_owned());
        bench.changed(&Observed::Call { tool, arguments, digest, sweep: None }, Why::Unreadable);
    }
    assert!(!bench.path("made").exists());
}

#[test]
fn a_project_s_digest_changes_with_any_file_that_a_search_sees() {
    let bench = bench();
    bench.file("a.txt", "a");
    bench.file("d/b.txt", "b");
    bench.file(".gitignore", "target\n");
    bench.file("target/x", "x");
    rest();
    let seen = Observed::Project { digest: project_digest(&bench.project, &bench.digests).unwrap() };
    bench.file("target/x", "y");
    bench.holds(&seen);
    fs::File::open(bench.path("a.txt")).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    bench.holds(&seen);
    bench.file("d/b.txt", "c");
    bench.changed(&seen, Why::Project);
    bench.file("d/b.txt", "b");
    bench.holds(&seen);
    fs::create_dir(bench.path("e")).unwrap();
    bench.changed(&seen, Why::Project);
    fs::remove_dir(bench.path("e")).unwrap();
    fs::rename(bench.path("a.txt"), bench.path("A.txt")).unwrap();
    bench.changed(&seen, Why::Project);
}

#[test]
fn a_project_beyond_the_bounds_has_no_digest() {
    let bench = bench();
    for n in 0..9 {
        bench.file(&format!("{n}"), "");
        fs::File::create(bench.path(&n.to_string())).unwrap().set_len(builtin::MAX_WHOLE).unwrap();
    }
    assert_eq!(project_digest(&bench.project, &bench.digests), None);
}

#[test]
fn what_a_run_rests_on_is_gathered_once_each_or_not_at_all() {
    let bench = bench();
    bench.file("a.txt", "a");
    bench.file("b.txt", "b");
    let read = |name: &str| bench.call("read_text_file", json!({"path": name})).rests;
    let gather = |all: Vec<Rests>| {
        let mut resting = Resting::default();
        all.into_iter().for_each(|rests| resting.add(rests));
        resting.finish()
    };
    let length = |all: Vec<Rests>| gather(all).map(|observed| observed.len());
    assert_eq!(length(vec![]), Some(0));
    assert_eq!(length(vec![read("a.txt"), Rests::Nothing, read("b.txt"), read("a.txt"), read("missing")]), Some(3));
    assert_eq!(length(vec![read("a.txt"), Rests::Unknown]), None);
    assert_eq!(length(vec![Rests::Again { sweep: None }]), None);
    let before = read("a.txt");
    bench.file("a.txt", "changed in the middle of the run");
    assert_eq!(length(vec![before, read("a.txt")]), None);
    let many = |count: usize| {
        let one = |n: usize| Observed::Call {
            tool: "t".into(),
            arguments: n.to_string(),
            digest: Digest::of(b""),
            sweep: None,
        };
        vec![Rests::On((0..count).map(one).collect())]
    };
    assert_eq!(length(many(resting::MAX_OBSERVED)), Some(resting::MAX_OBSERVED));
    assert_eq!(length(many(resting::MAX_OBSERVED + 1)), None);
    let long = |n: usize| Observed::Call {
        tool: n.to_string(),
        arguments: "x".repeat(MAX_ARGUMENTS),
        digest: Digest::of(b""),
        sweep: None,
    };
    assert_eq!(length(vec![Rests::On((0..32).map(long).collect())]), None);
}

#[test]
fn what_is_stored_reads_as_it_was_written() {
    let digest = Digest::of(b"abc");
    let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let stat = Stat { dev: u64::MAX, ino: 2, size: 3, mtime_ns: -4, ctime_ns: i64::MAX, kind: 0o100_000 };
    let all = vec![
        Observed::File { path: "a".into(), stat, seen_at_ns: 7, digest },
        Observed::Listing { path: ".".into(), stat, seen_at_ns: 7, digest },
        Observed::Call { tool: "t".into(), arguments: "{}".into(), digest, sweep: None },
        Observed::Call { tool: "t".into(), arguments: "{}".into(), digest, sweep: Some(digest) },
        Observed::Project { digest },
        Observed::Git { digest },
    ];
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Observed>>(&text).unwrap(), all);
    assert_eq!(
        serde_json::to_string(&all[..1]).unwrap(),
        format!(
            r#"[{{"on":"file","path":"a","stat":{{"dev":18446744073709551615,"ino":2,"size":3,"mtime_ns":-4,"ctime_ns":9223372036854775807,"kind":32768}},"seen_at_ns":7,"digest":"{hex}"}}]"#
        )
    );
    assert_eq!(serde_json::to_string(&all[5]).unwrap(), format!(r#"{{"on":"git","digest":"{hex}"}}"#));
    for bad in ["", &hex[1..], &hex.replace('b', "g"), &format!("+{}", &hex[1..])] {
        assert!(bad.parse::<Digest>().is_err(), "{bad}");
    }
    assert_eq!(all[2].texts().collect::<Vec<_>>(), ["t", "{}"]);
}

#[test]
fn a_search_that_takes_too_long_does_not_hold() {
    let bench = bench();
    bench.file("a.txt", "a");
    let seen = bench.seen("search_files", json!({"path": ".", "pattern": "*"}));
    let cancelled = context(&bench.project);
    cancelled.cancel.cancel();
    assert_eq!(check(&cancelled, &[seen], &bench.digests).unwrap_err().why, Why::Late);
}

#[test]
#[ignore = "a measurement: run it with --release and --nocapture"]
fn the_cost_of_a_check() {
    let bench = bench();
    for n in 0..20 {
        bench.file(&format!("src/part{}/module{n}.rs", n % 4), "x".repeat(8_000));
    }
    rest();
    let read = |n: usize| bench.seen("read_text_file", json!({"path": format!("src/part{}/module{n}.rs", n % 4)}));
    let files: Vec<Observed> = (0..20).map(read).collect();
    let listing = bench.seen("list_directory", json!({"path": "src"}));
    let search = bench.seen("search_content", json!({"path": ".", "pattern": "needle"}));
    let Observed::Call { tool, arguments, digest, .. } = search.clone() else { panic!() };
    let unswept = Observed::Call { tool, arguments, digest, sweep: None };
    let missing = bench.seen("read_text_file", json!({"path": "missing"}));
    let context = context(&bench.project);
    let project = Observed::Project { digest: project_digest(&bench.project, &bench.digests).unwrap() };
    let measure = |name: &str, observed: &[Observed]| {
        let mut times: Vec<u128> = (0..2_000)
            .map(|_| {
                let start = Instant::now();
                check(&context, observed, &bench.digests).unwrap();
                start.elapsed().as_nanos()
            })
            .collect();
        times.sort_unstable();
        println!("{name}: p50 {} ns, p99 {} ns", times[times.len() / 2], times[times.len() * 99 / 100]);
    };
    measure("20 files", &files);
    measure("one listing", &[listing]);
    measure("search of 20 files by sweep", &[search]);
    measure("search of 20 files again", &[unswept]);
    measure("a failed read again", &[missing]);
    measure("project of 20 files", &[project]);
}
