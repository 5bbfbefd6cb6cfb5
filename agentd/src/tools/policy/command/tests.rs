use std::{fs, os::unix::fs::symlink};

use super::*;

struct Ground {
    _directory: tempfile::TempDir,
    project: Project,
}

fn ground() -> Ground {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap().join("project");
    fs::create_dir_all(root.join(".git")).unwrap();
    fs::write(root.join(".git/config"), "[core]\n\tbare = false\n").unwrap();
    fs::create_dir_all(root.join("src/deep")).unwrap();
    fs::write(root.join("src/main.rs"), "fn main() {}").unwrap();
    symlink("/etc/passwd", root.join("door")).unwrap();
    symlink("..", root.join("up")).unwrap();
    let project = Project::find_with_home(&root, None).unwrap().unwrap();
    Ground { _directory: directory, project }
}

impl Ground {
    fn judge_in(&self, directory: &str, line: &str) -> Judgement {
        let argv: Vec<&str> = line.split(' ').collect();
        judge_command(Some(&self.project), &CommandRequest { argv: &argv, directory, stdin: None })
    }

    fn allows(&self, line: &str) {
        assert_eq!(self.judge_in(".", line), Judgement::Allow, "{line}");
    }

    fn asks(&self, line: &str) {
        assert!(matches!(self.judge_in(".", line), Judgement::Ask { .. }), "{line}");
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.project.root.join(name), text).unwrap();
    }
}

#[test]
fn commands_that_only_read_the_project_are_allowed() {
    let ground = ground();
    for line in [
        "ls",
        "ls -la src",
        "cat src/main.rs",
        "head -n 5 src/main.rs",
        "head -5 src/main.rs",
        "tail -n20 src/main.rs",
        "wc -l src/main.rs",
        "pwd",
        "stat src",
        "file src/main.rs",
        "du -sh .",
        "uname -a",
        "date",
        "date -u +%F",
        "echo -n a > b",
        "cargo --version",
        "rustc --version",
        "git status",
        "git status --porcelain=v2 -b",
        "git log --oneline -5",
        "git log -p -- src/main.rs",
        "git log --since=yesterday --format=%h",
        "git diff HEAD~1",
        "git diff main..topic --stat",
        "git show HEAD:src/main.rs",
        "git rev-parse --abbrev-ref HEAD",
        "git branch --list",
        "git branch -a",
        "git branch --show-current",
        "git branch --list feature/*",
        "git --version",
        "grep -n main src/main.rs",
        "grep -rn main src",
        "rg main",
        "rg -n main src --type rust",
        "rg -e a -e b src",
        "find . -name *.rs -type f",
        "find src -maxdepth 2 ( -name a -o -name b ) -print",
    ] {
        ground.allows(line);
    }
}

#[test]
fn everything_that_writes_or_starts_something_asks() {
    let ground = ground();
    for line in [
        "rm -rf src",
        "sh -c ls",
        "bash",
        "env ls",
        "xargs ls",
        "sudo ls",
        "tee a",
        "sed -n 1p src/main.rs",
        "awk 1",
        "cargo build",
        "cargo test",
        "rustc src/main.rs",
        "python3 -c 1",
        "make",
        "node -v x",
        "npm run x",
        "./ls",
        "/bin/ls",
        "src/tool",
        "A=1",
        "PATH=. ls",
        "date -s 2020",
        "date 010100002020",
        "date --set=x",
        "date -f x",
        "tail -f src/main.rs",
        "tail --follow src/main.rs",
        "file -C -m x",
        "file -m src/main.rs",
        "file -f list",
        "wc --files0-from=list",
        "wc --files0=list",
        "du --files0-from=x",
        "du -X x",
        "sort -o a b",
        "uniq a b",
    ] {
        ground.asks(line);
    }
}

#[test]
fn a_search_that_starts_deletes_or_uncovers_something_asks() {
    let ground = ground();
    for line in [
        "find . -delete",
        "find . -exec rm {} ;",
        "find . -execdir a ;",
        "find . -ok a ;",
        "find . -okdir a ;",
        "find . -fprint x",
        "find . -fprintf x y",
        "find . -fls x",
        "find -L . -name x",
        "find -files0-from x",
        "find . -name -delete -delete",
        "grep -f list src/main.rs",
        "grep -R x .",
        "rg --pre cat x",
        "rg --pre=cat x",
        "rg --hostname-bin=x y",
        "rg -z x",
        "rg --search-zip x",
        "rg -u x",
        "rg --no-ignore x",
        "rg --hidden x",
        "rg -. x",
        "rg -L x",
        "rg --follow x",
        "rg -f list",
        "rg --ignore-file x y",
    ] {
        ground.asks(line);
    }
}

#[test]
fn every_way_of_git_to_write_or_start_something_asks() {
    let ground = ground();
    for line in [
        "git",
        "git commit -m x",
        "git push",
        "git fetch",
        "git checkout x",
        "git -c core.pager=x log",
        "git -C .. log",
        "git --exec-path=. log",
        "git --git-dir=x log",
        "git --work-tree=/ status",
        "git -p log",
        "git --paginate log",
        "git diff --output=x",
        "git diff --outpu=x",
        "git log --output x",
        "git diff -o x",
        "git diff --ext-diff",
        "git log --textconv -p",
        "git diff --no-index a b",
        "git show -Ofile",
        "git log --show-signature",
        "git log --format=%G?",
        "git log --pretty=format:%GK",
        "git branch new",
        "git branch -d old",
        "git branch -D old",
        "git branch -m a b",
        "git branch -f a b",
        "git branch --edit-description",
        "git branch -u origin/x",
        "git branch --set-upstream-to=x",
        "git branch -c a b",
        "git grep -O x",
        "git config x y",
        "git stash",
        "git tag x",
        "git remote add a b",
        "git diff /etc/passwd /etc/hosts",
        "git diff ../../x src",
        "git show HEAD:.env",
        "git log -p -- .env",
        "git blame --contents /etc/passwd x",
        "git blame -S /etc/passwd x",
        "git ls-files -X /etc/passwd",
        "git rev-parse --parseopt",
        "git status --no-such",
        "git bisect run x",
    ] {
        ground.asks(line);
    }
}

#[test]
fn a_path_that_leaves_the_project_or_names_a_secret_file_asks() {
    let ground = ground();
    ground.write(".env", "KEY=1");
    ground.write(".env.example", "KEY=");
    symlink(".env", ground.project.root.join("notes.txt")).unwrap();
    for line in [
        "cat /etc/passwd",
        "cat ../x",
        "cat door",
        "cat src/../../x",
        "cat up/x",
        "cat up/../x",
        "ls /",
        "cat .env",
        "cat notes.txt",
        "head -n 1 .env",
        "grep KEY .env",
        "rg KEY .env",
        "find / -name x",
        "wc -l -- .env",
        "grep -e KEY .env",
        "stat /root",
        "cat id_rsa",
        "cmp src/main.rs .env",
    ] {
        ground.asks(line);
    }
    ground.allows("cat .env.example");
    ground.allows("cat missing.txt");
    assert_eq!(ground.judge_in("src/deep", "cat ../main.rs"), Judgement::Allow);
    assert!(matches!(ground.judge_in("src", "cat ../../x"), Judgement::Ask { .. }));
    assert!(matches!(ground.judge_in("..", "ls"), Judgement::Ask { .. }));
    assert!(matches!(ground.judge_in("/", "ls"), Judgement::Ask { .. }));
}

#[test]
fn a_recursive_search_asks_when_it_would_read_a_secret_file() {
    let ground = ground();
    ground.write("src/deep/server.key", "key");
    ground.asks("grep -r x .");
    ground.asks("rg x");
    ground.asks("rg x src");
    ground.allows("grep x src/main.rs");
    fs::remove_file(ground.project.root.join("src/deep/server.key")).unwrap();
    ground.write(".env", "KEY=1");
    // ripgrep passes over hidden files, unless a glob names them.
    ground.allows("rg x");
    ground.asks("rg x -g .env");
    ground.asks("grep -r x");
    ground.allows("grep -r x src");
}

#[test]
fn git_asks_where_the_repository_s_configuration_may_start_a_program() {
    let ground = ground();
    ground.write(".git/config", "[core]\n\tfsmonitor = ./evil\n");
    ground.asks("git status");
    ground.write(".git/config", "[core]\n\tbare = false\n");
    ground.allows("git status");
    // A nested repository is the one that git uses there.
    fs::create_dir(ground.project.root.join("src/.git")).unwrap();
    ground.write("src/.git/config", "[diff \"x\"]\n\tcommand = evil\n");
    assert!(matches!(ground.judge_in("src/deep", "git diff"), Judgement::Ask { .. }));
    ground.allows("git diff");
    // A directory that git takes for a bare repository.
    for name in ["HEAD", "objects", "refs"] {
        fs::create_dir(ground.project.root.join("src/deep").join(name)).unwrap();
    }
    fs::remove_dir_all(ground.project.root.join("src/.git")).unwrap();
    assert!(matches!(ground.judge_in("src/deep", "git log"), Judgement::Ask { .. }));
    // A .git file leads elsewhere.
    fs::remove_dir_all(ground.project.root.join(".git")).unwrap();
    ground.write(".git", "gitdir: ../elsewhere\n");
    ground.asks("git log");
}

#[test]
fn an_empty_command_a_nul_byte_and_no_project_are_denied() {
    let ground = ground();
    let judge = |project: Option<&Project>, argv: &[&str]| {
        judge_command(project, &CommandRequest { argv, directory: ".", stdin: None })
    };
    for argv in [&[][..], &[""][..], &["", "a"][..], &["ls", "a\0b"][..]] {
        assert!(matches!(judge(Some(&ground.project), argv), Judgement::Deny { .. }), "{argv:?}");
    }
    assert!(matches!(judge(None, &["ls"]), Judgement::Deny { .. }));
}

#[test]
fn an_approval_covers_the_same_words_directory_and_input_only() {
    let ground = ground();
    let key = |argv: &[&str], directory, stdin| match judge_command(
        Some(&ground.project),
        &CommandRequest { argv, directory, stdin },
    ) {
        Judgement::Ask { key, .. } => key,
        other => panic!("{other:?}"),
    };
    let base = key(&["sh", "a b"], ".", None);
    assert_eq!(base, key(&["sh", "a b"], ".", None));
    for other in
        [key(&["sh", "a", "b"], ".", None), key(&["sh", "a b"], "src", None), key(&["sh", "a b"], ".", Some("rm"))]
    {
        assert_ne!(base, other);
    }
}

#[test]
fn a_write_asks_once_per_tool_but_each_time_for_files_that_steer_programs() {
    use crate::tools::policy::judge_write;
    let key = |tool, path| match judge_write(tool, &[path]) {
        Judgement::Ask { key, .. } => key,
        other => panic!("{other:?}"),
    };
    assert_eq!(key("edit_file", "a"), "edit_file");
    assert_eq!(key("edit_file", "a"), key("edit_file", "b/c"));
    assert_ne!(key("write_file", ".git/hooks/pre-commit"), "write_file");
    assert_ne!(key("write_file", ".git/config"), key("write_file", ".git/hooks/x"));
}
