//! One value of every wire type with every field set to something that can be recognised, for the golden tables.

use proto::*;

pub(crate) fn requests() -> Vec<(&'static str, Request)> {
    vec![
        ("status", Request::Status(StatusRequest {})),
        ("stop", Request::Stop(StopRequest { if_idle: true })),
        ("stop, at once", Request::Stop(StopRequest { if_idle: false })),
        ("cancel by request id", Request::Cancel(CancelRequest { id: Some(RequestId::Number(-3)), turn: None })),
        (
            "cancel by turn",
            Request::Cancel(CancelRequest { id: Some(RequestId::Text("tab 4".into())), turn: Some("turn-1".into()) }),
        ),
        ("ask, nothing set", Request::Ask(AskRequest::default())),
        ("ask, everything set", Request::Ask(ask())),
        ("approve, no", Request::Approve(ApproveRequest { approval: 1, decision: Decision::No })),
        ("approve, once", Request::Approve(ApproveRequest { approval: 70_000, decision: Decision::Once })),
        ("approve, session", Request::Approve(ApproveRequest { approval: u64::MAX, decision: Decision::Session })),
        ("reload", Request::Reload(ReloadRequest {})),
        ("sessions.list", Request::SessionsList(SessionsListRequest { cwd: "/home/u/p".into() })),
        ("sessions.show", Request::SessionsShow(SessionsShowRequest { cwd: "/home/u/p".into(), name: "night".into() })),
        (
            "sessions.clear",
            Request::SessionsClear(SessionsClearRequest { cwd: "/home/u/p".into(), name: "night".into() }),
        ),
        ("models", Request::Models(ModelsRequest {})),
    ]
    .into_iter()
    .chain(kept_requests())
    .chain(mcp_requests())
    .collect()
}

fn kept_requests() -> Vec<(&'static str, Request)> {
    let cwd = || "/home/u/p".to_owned();
    vec![
        ("cache.list", Request::CacheList(CacheListRequest { cwd: cwd() })),
        (
            "cache.why",
            Request::CacheWhy(CacheWhyRequest { cwd: cwd(), question: "why?".into(), model: "deepseek-chat".into() }),
        ),
        ("cache.reject", Request::CacheReject(CacheRejectRequest { cwd: cwd(), id: "0a1b".into() })),
        ("cache.clear", Request::CacheClear(CacheClearRequest { cwd: cwd() })),
        ("cache.stats", Request::CacheStats(CacheStatsRequest {})),
        ("memory.status", Request::MemoryStatus(MemoryStatusRequest {})),
        ("memory.prefs", Request::PrefsList(PrefsListRequest { cwd: cwd() })),
        (
            "memory.prefs.set",
            Request::PrefsSet(PrefsSetRequest { cwd: cwd(), name: "language".into(), value: "de".into() }),
        ),
        ("memory.prefs.unset", Request::PrefsUnset(PrefsUnsetRequest { cwd: cwd(), name: "language".into() })),
        ("memory.backup", Request::Backup(BackupRequest { directory: "/home/u/b".into() })),
        ("memory.restore", Request::Restore(RestoreRequest { path: "/home/u/b/f".into(), check_only: true })),
        ("memory.export", Request::Export(ExportRequest { cwd: cwd(), after: "7".into() })),
        ("memory.forget", Request::Forget(ForgetRequest { cwd: cwd(), all: true, conversation: "c-1".into() })),
    ]
}

fn mcp_requests() -> Vec<(&'static str, Request)> {
    let (cwd, server) = (|| "/home/u/p".to_owned(), || "git".to_owned());
    let call = McpCallRequest {
        cwd: cwd(),
        server: server(),
        tool: "git_log".into(),
        arguments: "{}".into(),
        timeout_ms: 5_000,
    };
    vec![
        ("mcp.list", Request::McpList(McpListRequest { cwd: cwd() })),
        ("mcp.tools", Request::McpTools(McpToolsRequest { cwd: cwd(), server: server() })),
        ("mcp.call", Request::McpCall(call)),
        ("mcp.restart", Request::McpRestart(McpRestartRequest { cwd: cwd(), server: server() })),
        ("mcp.logs", Request::McpLogs(McpLogsRequest { cwd: cwd(), server: server(), lines: 20 })),
        ("mcp.approve", Request::McpApprove(McpApproveRequest { cwd: cwd(), sha256: "00ff".into() })),
    ]
}

fn ask() -> AskRequest {
    AskRequest {
        prompt: "Was heißt \"fd\"?\n→ kurz".into(),
        attachments: vec![Attachment { name: "stdin".into(), text: "a\tb\n".into() }],
        cwd: "/home/u/p".into(),
        session: "night".into(),
        continue_conversation: true,
        model: "deepseek-chat".into(),
        max_turns: 12,
        timeout_ms: 120_000,
        interactive: true,
        detach: false,
        ephemeral: true,
        reasoning: false,
        fresh: true,
        reuse: false,
    }
}

pub(crate) fn responses() -> Vec<(&'static str, Response)> {
    vec![
        ("status", status().into()),
        ("stop", StopReport { pid: 4711, turns: 2 }.into()),
        ("cancel", CancelReport { cancelled: 1 }.into()),
        ("ask, nothing set", Answer::default().into()),
        ("ask, everything set", answer().into()),
        ("approve", ApproveReport { accepted: true }.into()),
        (
            "reload",
            ReloadReport { changed: vec!["provider.model".into()], restart_needed: vec!["log.dir".into()] }.into(),
        ),
        ("sessions.list", SessionsReport { sessions: vec![summary()] }.into()),
        ("sessions.show", detail().into()),
        ("sessions.clear", ClearReport { cleared: 3 }.into()),
        ("models", models().into()),
        ("cache.list", CacheReport { answers: vec![cached_answer()] }.into()),
        ("cache.why", why().into()),
        ("cache.reject", RejectReport { id: "0a1b".into(), question: "why?".into(), exact_only: true }.into()),
        ("cache.clear", CacheClearReport { cleared: 4 }.into()),
        ("cache.stats", CacheStatsReport { facts: vec![fact()] }.into()),
        ("memory.status", memory().into()),
        ("memory.prefs", PrefsReport { preferences: vec![preference()] }.into()),
        ("memory.prefs.set", PrefsSetReport { preference: preference(), replaced: true }.into()),
        ("memory.prefs.unset", PrefsUnsetReport { removed: true }.into()),
        ("memory.backup", backup().into()),
        (
            "memory.restore",
            RestoreReport { path: "/home/u/b/f".into(), kinds: vec![kind()], replaced: "/home/u/b/g".into() }.into(),
        ),
        ("memory.export", ExportPage { records: vec!["{}".into()], next: "7".into() }.into()),
        ("memory.forget", ForgetReport { erased: vec![fact()] }.into()),
        ("mcp.list", McpReport { servers: vec![mcp_server()], project: Some(mcp_project()) }.into()),
        ("mcp.tools", McpToolsReport { tools: vec![mcp_tool()] }.into()),
        ("mcp.call", McpCallReport { text: "a".into(), ok: true, elapsed_ms: 1.5 }.into()),
        ("mcp.restart", McpRestartReport { server: mcp_server() }.into()),
        ("mcp.logs", McpLogsReport { lines: vec!["started".into()] }.into()),
        ("mcp.approve", McpApproveReport { project: mcp_project() }.into()),
    ]
}

fn mcp_server() -> McpServer {
    McpServer {
        name: "git".into(),
        project: "/home/u/p".into(),
        source: "config".into(),
        transport: "stdio".into(),
        command: "mcp-server-git".into(),
        role: "command".into(),
        state: "ready".into(),
        error: "it ended".into(),
        era: "modern".into(),
        server: "mcp-git 1.0".into(),
        pid: 4712,
        uptime_ms: 60_000,
        start_ms: 900,
        next_try_ms: Some(500),
        restarts: 1,
        tools: 12,
        calls: 30,
        failures: 2,
        timeouts: 1,
        truncated: 3,
        truncated_bytes: 70_000,
        call_ms_p50: 0.5,
        call_ms_p95: 7.5,
        fallbacks: 4,
    }
}

fn mcp_project() -> McpProject {
    McpProject {
        path: "/home/u/p/.mcp.json".into(),
        sha256: "00ff".into(),
        approved: true,
        servers: vec![fact()],
        faults: vec!["no command".into()],
        notes: vec!["X is not set".into()],
    }
}

fn mcp_tool() -> McpTool {
    McpTool {
        name: "mcp__git__git_log".into(),
        server: "git".into(),
        tool: "git_log".into(),
        description: "Show the log".into(),
        read_only: true,
        approval: "allow".into(),
        schema: "{}".into(),
    }
}

fn fact() -> Fact {
    Fact { name: "hits".into(), value: "3".into() }
}

fn cached_answer() -> CachedAnswer {
    CachedAnswer {
        id: "0a1b".into(),
        project: "/home/u/p".into(),
        question: "why?".into(),
        model: "deepseek-chat".into(),
        age_s: 60,
        used_s: 30,
        hits: 2,
        dependencies: 20,
        bytes: 2_048,
        cost_usd: Some(0.25),
    }
}

fn why() -> WhyReport {
    WhyReport {
        question: "why?".into(),
        outcome: Source::Near,
        reason: "equal in other words".into(),
        answer: Some(cached_answer()),
        score: 0.75,
        guard: "number".into(),
        changed: "src/a.rs".into(),
        facts: vec![fact()],
    }
}

fn kind() -> MemoryKind {
    MemoryKind { name: "answers".into(), count: 3, cap: 300, bytes: 4_096, oldest_s: Some(86_400), newest_s: Some(60) }
}

fn memory() -> MemoryReport {
    MemoryReport {
        kinds: vec![kind()],
        disk_bytes: 524_288,
        health: "good".into(),
        last_backup: "/home/u/b/f".into(),
        last_backup_s: Some(3_600),
        facts: vec![fact()],
    }
}

fn preference() -> Preference {
    Preference { name: "language".into(), value: "de".into(), project: true, age_s: 5 }
}

fn backup() -> BackupReport {
    BackupReport {
        path: "/home/u/b/f".into(),
        bytes: 9_000,
        records: 12,
        sha256: "00ff".into(),
        removed: vec!["/home/u/b/e".into()],
    }
}

fn status() -> StatusReport {
    StatusReport {
        version: "0.1.0".into(),
        protocol: "1.0".into(),
        pid: 4711,
        uptime_s: 86_400,
        socket: "/run/user/1000/agentd/agentd.sock".into(),
        state_dir: "/home/u/.local/state/agentd".into(),
        draining: true,
        connections: 3,
        turns: 2,
        facts: vec![Fact { name: "provider".into(), value: "deepseek".into() }],
        warnings: vec!["the sandbox is not available".into()],
    }
}

fn answer() -> Answer {
    Answer {
        answer: "server/accept.rs".into(),
        source: Source::Verdict,
        session: "night".into(),
        conversation: "c-1".into(),
        model: "deepseek-chat".into(),
        usage: Usage { prompt_tokens: 900, completion_tokens: 40, cache_hit_tokens: 640, cache_miss_tokens: 260 },
        cost_usd: Some(0.000_25),
        saved_usd: Some(0.5),
        turns: 2,
        tool_calls: vec![ToolCallReport {
            name: "read_text_file".into(),
            verdict: Verdict::Approved,
            ok: true,
            server: "files".into(),
            fallback: "it is starting".into(),
        }],
        redactions: 1,
        elapsed_ms: 1_234,
        cached: Some(Cached { id: "0a1b".into(), question: "why?".into(), age_s: 60, dependencies: 20, lenient: true }),
        similar: Some(Similar { question: "why not?".into(), score: 0.75, age_s: 61 }),
        miss: "src/a.rs has changed".into(),
    }
}

fn summary() -> SessionSummary {
    SessionSummary {
        project: "/home/u/p".into(),
        name: "night".into(),
        conversations: 2,
        files: 5,
        idle_s: 60,
        last_question: "which module accepts".into(),
    }
}

fn detail() -> SessionDetail {
    SessionDetail {
        summary: summary(),
        files: vec!["src/lib.rs".into()],
        task: "reading src/lib.rs".into(),
        conversations: vec![ConversationView {
            id: "c-1".into(),
            age_s: 60,
            exchanges: vec![Exchange { question: "which module?".into(), answer: "accept".into() }],
        }],
    }
}

fn models() -> ModelsReport {
    let price = Price { hit: 0.07, miss: 0.27, output: 1.1, peak: true };
    ModelsReport {
        provider: "deepseek".into(),
        current: "deepseek-chat".into(),
        models: vec![
            ModelInfo { id: "deepseek-chat".into(), price: Some(price) },
            ModelInfo { id: "other".into(), price: None },
        ],
    }
}

pub(crate) fn events() -> Vec<(&'static str, Event)> {
    vec![
        (
            "started",
            Event::Started(Started {
                turn: "t-1".into(),
                session: "night".into(),
                conversation: "c-1".into(),
                model: "deepseek-chat".into(),
                project: "/home/u/p".into(),
            }),
        ),
        ("text", Event::Text(Delta { delta: "Der \"fd\"\n\u{1b}→".into() })),
        ("reasoning", Event::Reasoning(Delta { delta: "hm".into() })),
        ("text_end, tool calls follow", Event::TextEnd(TextEnd { void: false })),
        ("text_end, void", Event::TextEnd(TextEnd { void: true })),
        (
            "tool_started",
            Event::ToolStarted(ToolStarted { call: 1, name: "read_text_file".into(), summary: "src/lib.rs".into() }),
        ),
        (
            "tool_finished",
            Event::ToolFinished(ToolFinished {
                call: 1,
                name: "read_text_file".into(),
                ok: false,
                elapsed_ms: 300,
                message: "no such file".into(),
            }),
        ),
        (
            "approval",
            Event::Approval(Approval {
                approval: 7,
                name: "write_file".into(),
                summary: "src/lib.rs".into(),
                reason: "it writes".into(),
            }),
        ),
        ("retry", Event::Retry(Retry { attempt: 2, wait_ms: 1_500, reason: "503".into() })),
        ("notice", Event::Notice(Notice { message: "the model was changed".into() })),
    ]
}
