use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::*;

/// A project beside a directory with something to steal.
struct Ground {
    _directory: tempfile::TempDir,
    root: PathBuf,
    outside: PathBuf,
    project: Project,
}

fn ground() -> Ground {
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path().canonicalize().unwrap();
    let (root, outside) = (base.join("project"), base.join("outside"));
    fs::create_dir_all(root.join(".git")).unwrap();
    fs::create_dir_all(root.join("src")).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("loot"), "loot").unwrap();
    fs::write(root.join("src/a.txt"), "inside").unwrap();
    let project = Project::find_with_home(&root, None).unwrap().unwrap();
    Ground { _directory: directory, root, outside, project }
}

impl Ground {
    fn read(&self, path: &str) -> Result<String, JailError> {
        let opened = self.project.jail.open_file(path)?;
        Ok(io::read_to_string(opened.file).unwrap())
    }

    fn write(&self, path: &str) -> Result<PathBuf, JailError> {
        self.project.jail.write(path, b"new", |_| Ok(()))
    }

    /// The one refusal, whatever is tried with the path.
    fn refuses(&self, path: &str) {
        let expected =
            format!("Access denied - path outside allowed directories: {path} not in {}", self.root.display());
        let jail = &self.project.jail;
        assert_eq!(self.read(path).unwrap_err().to_string(), expected, "read");
        assert_eq!(self.write(path).unwrap_err().to_string(), expected, "write");
        assert_eq!(jail.open_dir(path).unwrap_err().to_string(), expected, "list");
        assert_eq!(jail.metadata(path).unwrap_err().to_string(), expected, "info");
    }
}

#[test]
fn a_relative_and_an_absolute_path_inside_are_the_same_file() {
    let ground = ground();
    let absolute = ground.root.join("src/a.txt");
    for path in ["src/a.txt", "./src//a.txt", "src/../src/a.txt", absolute.to_str().unwrap()] {
        let opened = ground.project.jail.open_file(path).unwrap();
        assert_eq!(opened.path, Path::new("src/a.txt"), "{path}");
    }
}

#[test]
fn a_path_by_dots_or_from_the_top_that_leaves_the_root_is_refused() {
    let ground = ground();
    let sibling = format!("{}-other/x", ground.root.display());
    for path in ["..", "../outside/loot", "src/../../outside/loot", "/etc/passwd", "/", &sibling] {
        ground.refuses(path);
    }
    ground.refuses(ground.outside.join("loot").to_str().unwrap());
}

#[test]
fn percent_encoding_is_a_name_like_any_other() {
    let ground = ground();
    for path in ["..%2foutside%2floot", "%2e%2e/outside/loot"] {
        assert!(matches!(ground.read(path), Err(JailError::Missing(_))), "{path}");
    }
    fs::write(ground.root.join("..%2fa"), "literal").unwrap();
    assert_eq!(ground.read("..%2fa").unwrap(), "literal");
}

#[test]
fn an_empty_path_and_a_nul_byte_are_no_paths() {
    let ground = ground();
    assert_eq!(ground.read("").unwrap_err().to_string(), "Invalid path: it is empty");
    assert_eq!(ground.read("a\0b").unwrap_err().to_string(), "Invalid path: it holds a NUL byte");
    assert!(matches!(ground.read(&"a".repeat(5000)), Err(JailError::Invalid(_))));
}

#[test]
fn a_symlink_that_leaves_the_root_is_refused_as_file_and_as_directory() {
    let ground = ground();
    symlink(ground.outside.join("loot"), ground.root.join("absolute")).unwrap();
    symlink("../outside/loot", ground.root.join("relative")).unwrap();
    ground.refuses("absolute");
    ground.refuses("relative");
    symlink(&ground.outside, ground.root.join("door")).unwrap();
    for path in ["door/loot", "door/new"] {
        assert!(matches!(ground.read(path), Err(JailError::Outside { .. })), "{path}");
        assert!(matches!(ground.write(path), Err(JailError::Outside { .. })), "{path}");
    }
    let jail = &ground.project.jail;
    assert!(matches!(jail.create_dir_all("door/x"), Err(JailError::Outside { .. })));
    assert!(matches!(jail.rename("src/a.txt", "door/a"), Err(JailError::Outside { .. })));
    assert!(matches!(jail.rename("door/loot", "mine"), Err(JailError::Outside { .. })));
    assert_eq!(fs::read_dir(&ground.outside).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(ground.outside.join("loot")).unwrap(), "loot");
}

#[test]
fn a_symlink_inside_is_followed_and_the_real_name_is_told() {
    let ground = ground();
    symlink("src", ground.root.join("link")).unwrap();
    assert_eq!(ground.project.jail.open_file("link/a.txt").unwrap().path, Path::new("src/a.txt"));
    symlink("src/a.txt", ground.root.join("file")).unwrap();
    assert_eq!(ground.write("file").unwrap(), Path::new("src/a.txt"));
    assert!(ground.root.join("file").is_symlink(), "the link stays a link");
    assert_eq!(fs::read_to_string(ground.root.join("src/a.txt")).unwrap(), "new");
}

#[test]
fn a_root_given_through_a_symlink_accepts_both_names() {
    let ground = ground();
    let link = ground.root.parent().unwrap().join("link");
    symlink(&ground.root, &link).unwrap();
    let project = Project::find_with_home(&link.join("src"), None).unwrap().unwrap();
    assert_eq!(project.root, ground.root);
    for base in [&link, &ground.root] {
        let path = base.join("src/a.txt");
        assert!(project.jail.open_file(path.to_str().unwrap()).is_ok(), "{}", path.display());
    }
}

#[test]
fn a_symlink_swapped_in_during_the_call_never_leads_out() {
    let ground = ground();
    let (root, outside, stop) = (ground.root.clone(), ground.outside.clone(), AtomicBool::new(false));
    fs::create_dir(root.join("real")).unwrap();
    fs::write(root.join("real/loot"), "inside").unwrap();
    symlink("real", root.join("spare")).unwrap();
    symlink(&outside, root.join("evil")).unwrap();
    fs::rename(root.join("spare"), root.join("door")).unwrap();
    let (mut inside, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // `door` points inside and outside in turn, always present.
            for turn in 0u64.. {
                let target = if turn % 2 == 0 { outside.as_path() } else { Path::new("real") };
                symlink(target, root.join("next")).unwrap();
                fs::rename(root.join("next"), root.join("door")).unwrap();
                if stop.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        while (inside < 200 || refused < 200) && Instant::now() < deadline {
            match ground.read("door/loot") {
                Ok(text) => {
                    assert_eq!(text, "inside");
                    inside += 1;
                }
                Err(JailError::Outside { .. }) => refused += 1,
                Err(error) => panic!("neither inside nor refused: {error}"),
            }
            let _either = ground.write("door/new");
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(inside > 0 && refused > 0, "the race was run: {inside} inside, {refused} refused");
    assert_eq!(fs::read_dir(&ground.outside).unwrap().count(), 1, "nothing was written outside");
}

#[test]
fn a_fifo_a_socket_and_a_device_are_refused_at_once() {
    let ground = ground();
    rustix::fs::mkfifoat(rustix::fs::CWD, ground.root.join("fifo"), 0o600.into()).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(ground.root.join("socket")).unwrap();
    for kind in ["fifo", "socket"] {
        let (read, write) = (ground.read(kind).unwrap_err(), ground.write(kind).unwrap_err());
        let expected = format!(
            "{kind} is a {}, not a regular file: it is not read or written",
            match kind {
                "fifo" => "FIFO",
                _ => "socket",
            }
        );
        assert_eq!((read.to_string(), write.to_string()), (expected.clone(), expected));
    }
    assert!(matches!(ground.read("src"), Err(JailError::Directory(_))));
}

#[test]
fn a_secret_file_is_refused_also_under_another_name() {
    let ground = ground();
    fs::write(ground.root.join(".env"), "KEY=1").unwrap();
    fs::create_dir(ground.root.join(".kube")).unwrap();
    fs::write(ground.root.join(".kube/config"), "token").unwrap();
    symlink(".env", ground.root.join("notes.txt")).unwrap();
    symlink(".kube", ground.root.join("plain")).unwrap();
    let jail = &ground.project.jail;
    for path in [".env", "notes.txt", "src/../.env", "plain/config", ".kube/config"] {
        assert!(matches!(ground.read(path), Err(JailError::Secret(_))), "read {path}");
        assert!(matches!(ground.write(path), Err(JailError::Secret(_))), "write {path}");
    }
    for (from, to) in [(".env", "env.txt"), ("src/a.txt", ".env.local"), (".kube", "kube"), ("plain/config", "c")] {
        assert!(matches!(jail.rename(from, to), Err(JailError::Secret(_))), "{from} {to}");
    }
    fs::write(ground.root.join(".env.example"), "KEY=").unwrap();
    assert_eq!(ground.read(".env.example").unwrap(), "KEY=");
}

#[test]
fn a_write_keeps_the_mode_and_leaves_no_temporary_file() {
    let ground = ground();
    let file = ground.root.join("src/a.txt");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o751)).unwrap();
    ground.write("src/a.txt").unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o751);
    assert_eq!(fs::read_dir(ground.root.join("src")).unwrap().count(), 1);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    assert!(matches!(ground.write("src/a.txt"), Err(JailError::ReadOnly(_))));
    assert!(matches!(ground.write("missing/a.txt"), Err(JailError::Missing(_))));
}

#[test]
fn a_write_that_is_not_wanted_changes_nothing() {
    let ground = ground();
    let refused = ground.project.jail.write("src/a.txt", b"new", |_| Err(JailError::Invalid("no")));
    assert!(refused.is_err());
    assert_eq!(ground.read("src/a.txt").unwrap(), "inside");
}

#[test]
fn a_move_never_overwrites_and_never_moves_the_root() {
    let ground = ground();
    fs::write(ground.root.join("b.txt"), "b").unwrap();
    let jail = &ground.project.jail;
    assert!(matches!(jail.rename("src/a.txt", "b.txt"), Err(JailError::Exists(_))));
    assert!(matches!(jail.rename("missing", "c.txt"), Err(JailError::Missing(_))));
    assert!(jail.rename(".", "c").is_err());
    assert!(jail.rename("src", "src/below").is_err());
    assert_eq!(fs::read_to_string(ground.root.join("b.txt")).unwrap(), "b");
    jail.rename("src/a.txt", "c.txt").unwrap();
    assert_eq!(ground.read("c.txt").unwrap(), "inside");
}

#[test]
fn the_root_is_the_nearest_marked_parent_but_never_the_home_directory() {
    let ground = ground();
    let deep = ground.root.join("src/x/y");
    fs::create_dir_all(&deep).unwrap();
    let find = |cwd: &Path, home: Option<&Path>| Project::find_with_home(cwd, home).unwrap().map(|found| found.root);
    assert_eq!(find(&deep, None), Some(ground.root.clone()));
    fs::write(ground.root.join("src/.agentd.toml"), "").unwrap();
    assert_eq!(find(&deep, None), Some(ground.root.join("src")));
    assert_eq!(find(&ground.outside, None), Some(ground.outside.clone()), "no marker: the directory itself");
    assert_eq!(find(Path::new("/"), None), None);
    assert_eq!(find(&ground.outside, Some(&ground.outside)), None);
    // A home directory that is a repository, as for dotfiles, is no project; what lies in it is.
    fs::remove_file(ground.root.join("src/.agentd.toml")).unwrap();
    assert_eq!(find(&ground.root, Some(&ground.root)), None);
    assert_eq!(find(&deep, Some(&ground.root)), Some(deep.clone()));
    assert!(Project::find_with_home(&ground.root.join("missing"), None).is_err());
}

/// Parts of paths that matter to a jail.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just(String::new()),
        Just("src".to_owned()),
        Just("door".to_owned()),
        Just("inner".to_owned()),
        Just("outside".to_owned()),
        Just("project".to_owned()),
        Just("loot".to_owned()),
        Just("a.txt".to_owned()),
        Just("%2e%2e".to_owned()),
        "[a-z.\\\\%~ é\u{202e}]{0,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_path_reads_or_writes_outside(parts in prop::collection::vec(part(), 0..8), absolute: bool) {
        let ground = ground();
        symlink(&ground.outside, ground.root.join("door")).unwrap();
        symlink("../outside", ground.root.join("src/door")).unwrap();
        symlink("src", ground.root.join("inner")).unwrap();
        let path = format!("{}{}", if absolute { "/" } else { "" }, parts.join("/"));
        if let Ok(text) = ground.read(&path) {
            prop_assert_ne!(text, "loot");
        }
        if let Ok(written) = ground.write(&path) {
            prop_assert!(ground.root.join(written).exists());
        }
        let _any = ground.project.jail.create_dir_all(&path);
        let _any = ground.project.jail.rename(&path, "moved");
        let _any = ground.project.jail.rename("src/a.txt", &path);
        let left: Vec<_> = fs::read_dir(&ground.outside).unwrap().flatten().map(|entry| entry.file_name()).collect();
        prop_assert_eq!(left, ["loot"]);
        prop_assert_eq!(fs::read_to_string(ground.outside.join("loot")).unwrap(), "loot");
        let around: Vec<_> = fs::read_dir(ground.root.parent().unwrap()).unwrap().collect();
        prop_assert_eq!(around.len(), 2);
    }

    #[test]
    fn a_resolved_path_has_plain_names_only(path in ".{0,40}") {
        let ground = ground();
        if let Ok(relative) = ground.project.jail.relative(&path) {
            prop_assert!(relative.components().all(|part| matches!(part, Component::Normal(_))));
        }
    }
}
