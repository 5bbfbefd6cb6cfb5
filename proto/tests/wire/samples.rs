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
    ]
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
        tool_calls: vec![ToolCallReport { name: "read_text_file".into(), verdict: Verdict::Approved, ok: true }],
        redactions: 1,
        elapsed_ms: 1_234,
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
