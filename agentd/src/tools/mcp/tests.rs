use std::{fs, path::PathBuf, sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    fake::{Answer, Fake, filesystem, refused, said, shared, tool},
    *,
};
use crate::{
    config::{ApprovalMode, Role},
    mcp::{
        client::ClientError,
        pool::{PoolCall, PoolError, Wait},
        server::State,
    },
    redact::{ModelView, Redactor},
    tools::{Alone, Judgement, Keeper, Project, Rests, ToolContext, ToolLimits, ToolOutput, Toolbox},
};

mod files;

const SECRET: &str = "k-1234567890";

/// A project, a pool, and the tools over both.
struct Bench {
    _directory: tempfile::TempDir,
    root: PathBuf,
    context: ToolContext,
    fake: Arc<Fake>,
    toolbox: Toolbox,
}

fn bench(fake: Fake) -> Bench {
    bench_in(tempfile::tempdir().unwrap(), |_| fake)
}

fn bench_in(directory: tempfile::TempDir, fake: impl FnOnce(&std::path::Path) -> Fake) -> Bench {
    let root = directory.path().canonicalize().unwrap().join("project");
    fs::create_dir_all(root.join(".git")).unwrap();
    let fake = Arc::new(fake(&root));
    let pool = shared(&fake);
    let catalog = pool.catalog(&Default::default());
    let tools = plain_tools(&pool).into_iter().chain(server_tools(&pool, &catalog)).collect();
    let context = ToolContext {
        project: Project::find_with_home(&root, None).unwrap().map(Arc::new),
        cancel: CancellationToken::new(),
        limits: ToolLimits { command_timeout: Duration::from_secs(20), output_cap: 4096, result_cap: 65_536 },
        seen: Arc::default(),
        view: ModelView::new(Redactor::new([SECRET.to_owned()]), Arc::default()),
        preferences: None,
        mcp: Default::default(),
        results: Keeper::default(),
    };
    Bench { _directory: directory, root, context, fake, toolbox: Toolbox::new(tools) }
}

impl Bench {
    async fn call(&self, tool: &str, arguments: Value) -> ToolOutput {
        self.toolbox.get(tool).unwrap().call(&self.context, arguments).await
    }

    /// The built-in tool's own answer.
    async fn built_in(&self, tool: &str, arguments: Value) -> ToolOutput {
        Toolbox::new(builtin::toolbox()).get(tool).unwrap().call(&self.context, arguments).await
    }

    fn judge(&self, tool: &str, arguments: &Value) -> Judgement {
        self.toolbox.get(tool).unwrap().judge(&self.context, arguments)
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.root.join(name)).unwrap()
    }
}

fn failed(error: ClientError) -> Answer {
    Err(PoolError::Failed { server: "files".to_owned(), error })
}

fn not_ready() -> Answer {
    Err(PoolError::NotReady { server: "files".to_owned(), state: State::Starting, why: String::new() })
}

#[test]
fn the_plain_tools_describe_themselves_as_the_built_in_ones_do() {
    let pool = shared(&Arc::new(Fake::new(|_| said(""))));
    let (plain, built_in) = (Toolbox::new(plain_tools(&pool)), Toolbox::new(builtin::toolbox()));
    assert!(plain.specs().eq(built_in.specs()));
}

#[tokio::test]
async fn a_result_is_redacted_then_cut_and_the_rest_is_read_by_range() {
    let long: String = (0..20_000).map(|n| format!("line {n} {SECRET}\n")).collect();
    let bench = bench(Fake::new(move |_| said(long.clone())).with_tools([tool("log", true, ApprovalMode::Auto)]));
    let output = bench.call("mcp__git__log", json!({})).await;
    assert!(output.ok && output.rests == Rests::Unknown && output.server == "git");
    assert!(output.text.starts_with("line 0 [REDACTED:1]\n") && output.text.ends_with("line 19999 [REDACTED:1]\n"));
    assert!(
        output.text.contains("bytes cut; read_text_file with path tool-result:1 and offset"),
        "the way to the rest"
    );
    assert!((45_000..51_000).contains(&output.text.len()), "{}", output.text.len());
    assert!(bench.fake.cut.load(Ordering::Relaxed) > 400_000);
    let range = json!({"path": "tool-result:1", "offset": 10_001, "limit": 2});
    let read = bench.call("read_text_file", range.clone()).await;
    assert_eq!(read.text, "line 10000 [REDACTED:1]\nline 10001 [REDACTED:1]");
    assert_eq!(read.rests, Rests::Unknown, "nothing can verify it");
    let last = bench.call("read_text_file", json!({"path": "tool-result:1", "tail": 1})).await;
    assert_eq!(last.text, "line 19999 [REDACTED:1]");
    let other = ToolContext { results: Keeper::default(), ..bench.context.clone() };
    let elsewhere = bench.toolbox.get("read_text_file").unwrap().call(&other, range).await;
    assert!(!elsewhere.ok && elsewhere.text.contains("not kept any more"), "another conversation reads nothing of it");
}

#[tokio::test]
async fn a_server_s_failure_is_told_in_its_own_words_and_a_lost_call_says_what_is_not_known() {
    let answers = [
        (refused("no such repository"), "no such repository", false),
        (failed(ClientError::Closed), "server died during the call; whether it took effect is not known", true),
        (failed(ClientError::Rpc { code: -32603, message: "oops".into() }), "MCP error -32603: oops", false),
        (not_ready(), "files is starting. The call was not made.", false),
        (Err(PoolError::Unknown("git".into())), "no MCP server named \"git\" any more", false),
    ];
    for (answer, wanted, unknown) in answers {
        let tools = [tool("commit", false, ApprovalMode::Approve), tool("log", true, ApprovalMode::Auto)];
        let bench = bench(Fake::new(move |_| answer.clone()).with_tools(tools));
        let output = bench.call("mcp__git__commit", json!({})).await;
        assert!(!output.ok && output.text.contains(wanted), "{}", output.text);
        let read = bench.call("mcp__git__log", json!({})).await;
        assert!(!read.text.contains("not known"), "{}", read.text);
        assert_eq!(output.text.contains("not known"), unknown, "{}", output.text);
    }
}

#[tokio::test]
async fn a_call_goes_to_its_server_under_the_server_s_name_and_waits_for_a_start() {
    let bench = bench(Fake::new(|_| said("done")).with_tools([tool("log", true, ApprovalMode::Auto)]));
    assert_eq!(bench.call("mcp__git__log", json!({"max_count": 5})).await.text, "done");
    let asked = bench.fake.asked();
    let call = asked.first().unwrap();
    assert_eq!((call.server.as_str(), call.tool.as_str(), call.wait), ("git", "log", Wait::ForStart));
    assert_eq!(Value::Object(call.arguments.clone()), json!({"max_count": 5}));
}

#[test]
fn who_may_run_a_server_s_tool_follows_its_approval_and_what_it_says_of_itself() {
    let tools = [
        tool("commit", false, ApprovalMode::Auto),
        tool("log", true, ApprovalMode::Auto),
        tool("push", true, ApprovalMode::Prompt),
        tool("tag", false, ApprovalMode::Approve),
    ];
    let bench = bench(Fake::new(|_| said("")).with_tools(tools));
    let judge = |tool: &str| bench.judge(tool, &json!({}));
    assert_eq!(judge("mcp__git__log"), Judgement::Allow);
    assert_eq!(judge("mcp__git__tag"), Judgement::Allow);
    for name in ["mcp__git__commit", "mcp__git__push"] {
        let Judgement::Ask { key, alone, .. } = judge(name) else { panic!("{name} does not ask") };
        assert_eq!((key.as_str(), alone), (name, Alone::EndTurn));
    }
    // The user's word counts from when it is given, also in a conversation that began before.
    *crate::sync::lock(&bench.fake.catalog) =
        Catalog { tools: [tool("tag", false, ApprovalMode::Prompt)].into_iter().collect() };
    assert!(matches!(judge("mcp__git__tag"), Judgement::Ask { .. }));
    assert!(matches!(judge("mcp__git__log"), Judgement::Deny { .. }), "its server does not offer it any more");
}

#[test]
fn a_read_of_a_secret_file_through_a_server_asks_first() {
    let tools = [tool("show", true, ApprovalMode::Auto), tool("view", true, ApprovalMode::Approve)];
    let bench = bench(Fake::new(|_| said("")).with_tools(tools));
    for path in ["/home/u/.ssh/id_rsa", ".env", "HEAD:.env", "file:///p/.npmrc", "../key.pem"] {
        let arguments = json!({"paths": [path]});
        let Judgement::Ask { reason, .. } = bench.judge("mcp__git__show", &arguments) else { panic!("{path}") };
        assert!(reason.contains("names a file of secrets"), "{reason}");
        assert_eq!(bench.judge("mcp__git__view", &arguments), Judgement::Allow, "the user has said so");
    }
    for text in ["src/main.rs", "what is in the environment?", "https://x.example/a?b=c", "HEAD"] {
        assert_eq!(bench.judge("mcp__git__show", &json!({"a": text})), Judgement::Allow, "{text}");
    }
}

#[test]
fn a_hidden_value_goes_to_no_server() {
    let tools = [tool("commit", false, ApprovalMode::Approve), tool("log", true, ApprovalMode::Auto)];
    let bench = bench(Fake::new(|_| said("")).with_tools(tools));
    bench.context.view.text(SECRET);
    for arguments in
        [json!({"a": ["x [REDACTED:1]"]}), json!({"[REDACTED:1]": {}}), json!({"a": {"b": "[REDACTED:1]"}})]
    {
        for name in ["mcp__git__log", "mcp__git__commit"] {
            let Judgement::Deny { reason } = bench.judge(name, &arguments) else { panic!("{name} {arguments}") };
            assert!(reason.contains("goes to no server"), "{reason}");
        }
    }
    let placeholder = json!({"a": "[REDACTED]"});
    assert!(matches!(bench.judge("mcp__git__commit", &placeholder), Judgement::Deny { .. }));
    assert_eq!(bench.judge("mcp__git__log", &placeholder), Judgement::Allow, "looking for the word is fine");
}

#[test]
fn a_call_is_shown_as_one_line_of_its_arguments() {
    let bench = bench(Fake::new(|_| said("")).with_tools([tool("git_log", true, ApprovalMode::Auto)]));
    let summary = |arguments: Value| bench.toolbox.get("mcp__git__git_log").unwrap().summary(&arguments);
    assert_eq!(summary(json!({"max_count": 5, "repo_path": "."})), "git_log max_count=5 repo_path=.");
    assert_eq!(summary(json!({"a": "two words", "b": ["x"]})), r#"git_log a="two words" b=["x"]"#);
    assert_eq!(summary(json!([])), "git_log");
}

#[test]
fn calls_overlap_where_the_server_reads_or_the_configuration_says_so() {
    let parallel = McpToolOf::parallel(tool("fetch", false, ApprovalMode::Approve));
    let tools = [tool("commit", false, ApprovalMode::Approve), parallel, tool("log", true, ApprovalMode::Auto)];
    let bench = bench(Fake::new(|_| said("")).with_tools(tools));
    let overlaps = |name: &str| bench.toolbox.get(name).unwrap().overlaps();
    assert!(overlaps("mcp__git__fetch") && overlaps("mcp__git__log") && !overlaps("mcp__git__commit"));
}

struct McpToolOf;

impl McpToolOf {
    fn parallel(tool: crate::mcp::catalog::McpTool) -> crate::mcp::catalog::McpTool {
        crate::mcp::catalog::McpTool { parallel: true, ..tool }
    }
}

/// A bench whose commands a server runs.
fn commands(answer: impl Fn(&PoolCall) -> Answer + Send + Sync + 'static) -> Bench {
    bench(Fake::new(answer).with_role(Role::Command, "sh"))
}

#[tokio::test]
async fn a_command_runs_at_the_server_in_the_same_directory_and_reads_as_built_in() {
    let bench = commands(|_| said("hello"));
    bench.file("sub/a", "");
    let arguments = json!({"command": ["echo", "hello"], "directory": "sub", "timeout": 7});
    let output = bench.call("shell_execute", arguments.clone()).await;
    assert_eq!((output.text.as_str(), output.server.as_str(), output.ok), ("hello\n[exit code 0]", "sh", true));
    assert_eq!(output.text, bench.built_in("shell_execute", arguments).await.text);
    assert_eq!(output.rests, Rests::Unknown);
    let asked = bench.fake.asked();
    let call = asked.first().unwrap();
    let directory = bench.root.join("sub").display().to_string();
    assert_eq!(
        Value::Object(call.arguments.clone()),
        json!({"command": ["echo", "hello"], "directory": directory, "timeout": 7})
    );
    assert_eq!((call.wait, call.timeout), (Wait::Not, Some(Duration::from_secs(12))));
}

#[tokio::test]
async fn a_server_s_refusal_and_its_death_are_answers_and_nothing_runs_twice() {
    let file = "made-by-a-command";
    for (answer, wanted) in [
        (refused("Error executing command: Command not allowed: touch"), "Refused by sh: Command not allowed: touch"),
        (failed(ClientError::Closed), "server died during the call; whether it took effect is not known"),
        (failed(ClientError::Timeout(Duration::from_secs(25))), "whether it took effect is not known"),
    ] {
        let bench = commands(move |_| answer.clone());
        let output = bench.call("shell_execute", json!({"command": ["touch", file]})).await;
        assert!(!output.ok && output.text.contains(wanted), "{}", output.text);
        assert!(!bench.root.join(file).exists() && output.fallback.is_empty());
    }
    let bench = commands(|_| not_ready());
    let output = bench.call("shell_execute", json!({"command": ["touch", file]})).await;
    assert!(output.ok && bench.root.join(file).exists());
    assert_eq!((output.server.as_str(), output.fallback.as_str()), ("", "sh is starting"));
}

#[tokio::test]
async fn a_command_whose_words_mean_more_to_a_server_does_not_reach_it() {
    let bench = commands(|_| said("x"));
    for command in [json!(["cat", "a", ">", "b"]), json!(["ls", "|", "sh"]), json!(["grep", "", "a"])] {
        let output = bench.call("shell_execute", json!({"command": command})).await;
        assert!(!output.ok && output.text.contains("a meaning of its own"), "{}", output.text);
    }
    bench.context.view.text(SECRET);
    for arguments in [json!({"command": ["echo", "[REDACTED:1]"]}), json!({"command": ["ls"], "directory": "/"})] {
        bench.call("shell_execute", arguments).await;
    }
    assert_eq!(bench.fake.asked().len(), 0);
}
