//! Arbitrary values of every wire type.

use proptest::{collection::vec, option, prelude::*};
use proto::*;

/// Any characters, control characters and those outside the basic plane included.
pub(crate) fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

/// Figures as prices have them: millionths. JSON text of such a number reads back to the same bits.
fn money() -> impl Strategy<Value = f64> {
    (0_u64..1 << 50).prop_map(|millionths| millionths as f64 / 1e6)
}

pub(crate) fn id() -> impl Strategy<Value = RequestId> {
    prop_oneof![any::<i64>().prop_map(RequestId::Number), text().prop_map(RequestId::Text)]
}

fn decision() -> impl Strategy<Value = Decision> {
    prop::sample::select(vec![Decision::No, Decision::Once, Decision::Session])
}

fn source() -> impl Strategy<Value = Source> {
    prop::sample::select(vec![Source::Model, Source::Exact, Source::Near, Source::Verdict, Source::Offline])
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop::sample::select(vec![Verdict::Allow, Verdict::Approved, Verdict::Declined, Verdict::Denied])
}

fn attachment() -> impl Strategy<Value = Attachment> {
    (text(), text()).prop_map(|(name, text)| Attachment { name, text })
}

fn ask() -> impl Strategy<Value = AskRequest> {
    let texts = (text(), text(), text(), text());
    let flags = any::<[bool; 7]>();
    (texts, vec(attachment(), 0..4), flags, any::<u32>(), any::<u64>()).prop_map(
        |((prompt, cwd, session, model), attachments, flags, max_turns, timeout_ms)| AskRequest {
            prompt,
            attachments,
            cwd,
            session,
            continue_conversation: flags[0],
            model,
            max_turns,
            timeout_ms,
            interactive: flags[1],
            detach: flags[2],
            ephemeral: flags[3],
            reasoning: flags[4],
            fresh: flags[5],
            reuse: flags[6],
        },
    )
}

pub(crate) fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        Just(Request::Status(StatusRequest {})),
        any::<bool>().prop_map(|if_idle| Request::Stop(StopRequest { if_idle })),
        (option::of(id()), option::of(text())).prop_map(|(id, turn)| Request::Cancel(CancelRequest { id, turn })),
        ask().prop_map(Request::Ask),
        (any::<u64>(), decision())
            .prop_map(|(approval, decision)| Request::Approve(ApproveRequest { approval, decision })),
        Just(Request::Reload(ReloadRequest {})),
        text().prop_map(|cwd| Request::SessionsList(SessionsListRequest { cwd })),
        (text(), text()).prop_map(|(cwd, name)| Request::SessionsShow(SessionsShowRequest { cwd, name })),
        (text(), text()).prop_map(|(cwd, name)| Request::SessionsClear(SessionsClearRequest { cwd, name })),
        Just(Request::Models(ModelsRequest {})),
        cache_request(),
        memory_request(),
        mcp_request(),
    ]
}

fn cache_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        text().prop_map(|cwd| Request::CacheList(CacheListRequest { cwd })),
        (text(), text(), text()).prop_map(|(cwd, question, model)| Request::CacheWhy(CacheWhyRequest {
            cwd,
            question,
            model
        })),
        (text(), text()).prop_map(|(cwd, id)| Request::CacheReject(CacheRejectRequest { cwd, id })),
        text().prop_map(|cwd| Request::CacheClear(CacheClearRequest { cwd })),
        Just(Request::CacheStats(CacheStatsRequest {})),
    ]
}

fn memory_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        Just(Request::MemoryStatus(MemoryStatusRequest {})),
        text().prop_map(|cwd| Request::PrefsList(PrefsListRequest { cwd })),
        (text(), text(), text()).prop_map(|(cwd, name, value)| Request::PrefsSet(PrefsSetRequest { cwd, name, value })),
        (text(), text()).prop_map(|(cwd, name)| Request::PrefsUnset(PrefsUnsetRequest { cwd, name })),
        text().prop_map(|directory| Request::Backup(BackupRequest { directory })),
        (text(), any::<bool>()).prop_map(|(path, check_only)| Request::Restore(RestoreRequest { path, check_only })),
        (text(), text()).prop_map(|(cwd, after)| Request::Export(ExportRequest { cwd, after })),
        (text(), any::<bool>(), text()).prop_map(|(cwd, all, conversation)| Request::Forget(ForgetRequest {
            cwd,
            all,
            conversation
        })),
    ]
}

fn mcp_request() -> impl Strategy<Value = Request> {
    let call = (text(), text(), text(), text(), any::<u64>()).prop_map(|(cwd, server, tool, arguments, timeout_ms)| {
        Request::McpCall(McpCallRequest { cwd, server, tool, arguments, timeout_ms })
    });
    prop_oneof![
        text().prop_map(|cwd| Request::McpList(McpListRequest { cwd })),
        (text(), text()).prop_map(|(cwd, server)| Request::McpTools(McpToolsRequest { cwd, server })),
        call,
        (text(), text()).prop_map(|(cwd, server)| Request::McpRestart(McpRestartRequest { cwd, server })),
        (text(), text(), any::<u32>()).prop_map(|(cwd, server, lines)| Request::McpLogs(McpLogsRequest {
            cwd,
            server,
            lines
        })),
        (text(), text()).prop_map(|(cwd, sha256)| Request::McpApprove(McpApproveRequest { cwd, sha256 })),
    ]
}

fn mcp_server() -> impl Strategy<Value = McpServer> {
    let texts = proptest::array::uniform10(text());
    let counts = any::<([u64; 9], Option<u64>, u32, u32)>();
    (texts, counts, money(), money()).prop_map(|(texts, (counts, next_try_ms, pid, tools), p50, p95)| {
        let [name, project, source, transport, command, role, state, error, era, server] = texts;
        let [uptime_ms, start_ms, restarts, calls, failures, timeouts, truncated, truncated_bytes, fallbacks] = counts;
        McpServer {
            name,
            project,
            source,
            transport,
            command,
            role,
            state,
            error,
            era,
            server,
            pid,
            uptime_ms,
            start_ms,
            next_try_ms,
            restarts,
            tools,
            calls,
            failures,
            timeouts,
            truncated,
            truncated_bytes,
            call_ms_p50: p50,
            call_ms_p95: p95,
            fallbacks,
        }
    })
}

fn mcp_project() -> impl Strategy<Value = McpProject> {
    (text(), text(), any::<bool>(), vec(fact(), 0..4), vec(text(), 0..4), vec(text(), 0..4)).prop_map(
        |(path, sha256, approved, servers, faults, notes)| McpProject {
            path,
            sha256,
            approved,
            servers,
            faults,
            notes,
        },
    )
}

fn mcp_tool() -> impl Strategy<Value = McpTool> {
    ((text(), text(), text(), text()), (text(), text(), any::<bool>())).prop_map(
        |((name, server, tool, description), (approval, schema, read_only))| McpTool {
            name,
            server,
            tool,
            description,
            read_only,
            approval,
            schema,
        },
    )
}

fn mcp_response() -> impl Strategy<Value = (&'static str, Response)> {
    prop_oneof![
        (vec(mcp_server(), 0..4), option::of(mcp_project()))
            .prop_map(|(servers, project)| ("mcp.list", McpReport { servers, project }.into())),
        vec(mcp_tool(), 0..4).prop_map(|tools| ("mcp.tools", McpToolsReport { tools }.into())),
        (text(), any::<bool>(), money())
            .prop_map(|(text, ok, elapsed_ms)| ("mcp.call", McpCallReport { text, ok, elapsed_ms }.into())),
        mcp_server().prop_map(|server| ("mcp.restart", McpRestartReport { server }.into())),
        vec(text(), 0..4).prop_map(|lines| ("mcp.logs", McpLogsReport { lines }.into())),
        mcp_project().prop_map(|project| ("mcp.approve", McpApproveReport { project }.into())),
    ]
}

fn fact() -> impl Strategy<Value = Fact> {
    (text(), text()).prop_map(|(name, value)| Fact { name, value })
}

fn status() -> impl Strategy<Value = StatusReport> {
    let texts = (text(), text(), text(), text());
    let counts = any::<(u32, u64, bool, u32, u32)>();
    (texts, counts, vec(fact(), 0..4), vec(text(), 0..4)).prop_map(
        |((version, protocol, socket, state_dir), (pid, uptime_s, draining, connections, turns), facts, warnings)| {
            StatusReport {
                version,
                protocol,
                pid,
                uptime_s,
                socket,
                state_dir,
                draining,
                connections,
                turns,
                facts,
                warnings,
            }
        },
    )
}

fn usage() -> impl Strategy<Value = Usage> {
    any::<[u64; 4]>().prop_map(|[prompt_tokens, completion_tokens, cache_hit_tokens, cache_miss_tokens]| Usage {
        prompt_tokens,
        completion_tokens,
        cache_hit_tokens,
        cache_miss_tokens,
    })
}

fn answer() -> impl Strategy<Value = Answer> {
    let texts = (text(), text(), text(), text());
    let call = (text(), verdict(), any::<bool>(), text(), text())
        .prop_map(|(name, verdict, ok, server, fallback)| ToolCallReport { name, verdict, ok, server, fallback });
    let counts = any::<(u32, u32, u64)>();
    let money = (option::of(money()), option::of(money()));
    let memory = (option::of(cached()), option::of(similar()), text());
    (texts, source(), usage(), money, vec(call, 0..4), counts, memory).prop_map(
        |((answer, session, conversation, model), source, usage, (cost_usd, saved_usd), tool_calls, counts, memory)| {
            Answer {
                answer,
                source,
                session,
                conversation,
                model,
                usage,
                cost_usd,
                saved_usd,
                turns: counts.0,
                tool_calls,
                redactions: counts.1,
                elapsed_ms: counts.2,
                cached: memory.0,
                similar: memory.1,
                miss: memory.2,
            }
        },
    )
}

fn cached() -> impl Strategy<Value = Cached> {
    (text(), text(), any::<(u64, u32, bool)>()).prop_map(|(id, question, (age_s, dependencies, lenient))| Cached {
        id,
        question,
        age_s,
        dependencies,
        lenient,
    })
}

fn similar() -> impl Strategy<Value = Similar> {
    (text(), money(), any::<u64>()).prop_map(|(question, score, age_s)| Similar { question, score, age_s })
}

fn summary() -> impl Strategy<Value = SessionSummary> {
    (text(), text(), text(), any::<(u32, u32, u64)>()).prop_map(
        |(project, name, last_question, (conversations, files, idle_s))| SessionSummary {
            project,
            name,
            conversations,
            files,
            idle_s,
            last_question,
        },
    )
}

fn detail() -> impl Strategy<Value = SessionDetail> {
    let exchange = (text(), text()).prop_map(|(question, answer)| Exchange { question, answer });
    let conversation = (text(), any::<u64>(), vec(exchange, 0..3))
        .prop_map(|(id, age_s, exchanges)| ConversationView { id, age_s, exchanges });
    (summary(), vec(text(), 0..4), text(), vec(conversation, 0..3))
        .prop_map(|(summary, files, task, conversations)| SessionDetail { summary, files, task, conversations })
}

fn models() -> impl Strategy<Value = ModelsReport> {
    let price = (money(), money(), money(), any::<bool>()).prop_map(|(hit, miss, output, peak)| Price {
        hit,
        miss,
        output,
        peak,
    });
    let model = (text(), option::of(price)).prop_map(|(id, price)| ModelInfo { id, price });
    (text(), text(), vec(model, 0..4)).prop_map(|(provider, current, models)| ModelsReport {
        provider,
        current,
        models,
    })
}

fn cached_answer() -> impl Strategy<Value = CachedAnswer> {
    let texts = (text(), text(), text(), text());
    let counts = any::<(u64, u64, u32, u32, u64)>();
    (texts, counts, option::of(money())).prop_map(
        |((id, project, question, model), (age_s, used_s, hits, dependencies, bytes), cost_usd)| CachedAnswer {
            id,
            project,
            question,
            model,
            age_s,
            used_s,
            hits,
            dependencies,
            bytes,
            cost_usd,
        },
    )
}

fn why() -> impl Strategy<Value = WhyReport> {
    let texts = (text(), text(), text(), text());
    (texts, source(), option::of(cached_answer()), money(), vec(fact(), 0..4)).prop_map(
        |((question, reason, guard, changed), outcome, answer, score, facts)| WhyReport {
            question,
            outcome,
            reason,
            answer,
            score,
            guard,
            changed,
            facts,
        },
    )
}

fn kind() -> impl Strategy<Value = MemoryKind> {
    (text(), any::<[u64; 3]>(), any::<[Option<u64>; 2]>()).prop_map(
        |(name, [count, cap, bytes], [oldest_s, newest_s])| MemoryKind { name, count, cap, bytes, oldest_s, newest_s },
    )
}

fn memory() -> impl Strategy<Value = MemoryReport> {
    let texts = (text(), text());
    (vec(kind(), 0..4), texts, any::<(u64, Option<u64>)>(), vec(fact(), 0..4)).prop_map(
        |(kinds, (health, last_backup), (disk_bytes, last_backup_s), facts)| MemoryReport {
            kinds,
            disk_bytes,
            health,
            last_backup,
            last_backup_s,
            facts,
        },
    )
}

fn preference() -> impl Strategy<Value = Preference> {
    (text(), text(), any::<(bool, u64)>()).prop_map(|(name, value, (project, age_s))| Preference {
        name,
        value,
        project,
        age_s,
    })
}

fn backup() -> impl Strategy<Value = BackupReport> {
    (text(), any::<(u64, u64)>(), text(), vec(text(), 0..4))
        .prop_map(|(path, (bytes, records), sha256, removed)| BackupReport { path, bytes, records, sha256, removed })
}

fn cache_response() -> impl Strategy<Value = (&'static str, Response)> {
    prop_oneof![
        vec(cached_answer(), 0..4).prop_map(|answers| ("cache.list", CacheReport { answers }.into())),
        why().prop_map(|it| ("cache.why", it.into())),
        (text(), text(), any::<bool>()).prop_map(|(id, question, exact_only)| {
            ("cache.reject", RejectReport { id, question, exact_only }.into())
        }),
        any::<u32>().prop_map(|cleared| ("cache.clear", CacheClearReport { cleared }.into())),
        vec(fact(), 0..4).prop_map(|facts| ("cache.stats", CacheStatsReport { facts }.into())),
    ]
}

fn memory_response() -> impl Strategy<Value = (&'static str, Response)> {
    prop_oneof![
        memory().prop_map(|it| ("memory.status", it.into())),
        vec(preference(), 0..4).prop_map(|preferences| ("memory.prefs", PrefsReport { preferences }.into())),
        (preference(), any::<bool>()).prop_map(|(preference, replaced)| {
            ("memory.prefs.set", PrefsSetReport { preference, replaced }.into())
        }),
        any::<bool>().prop_map(|removed| ("memory.prefs.unset", PrefsUnsetReport { removed }.into())),
        backup().prop_map(|it| ("memory.backup", it.into())),
        (text(), vec(kind(), 0..4), text())
            .prop_map(|(path, kinds, replaced)| { ("memory.restore", RestoreReport { path, kinds, replaced }.into()) }),
        (vec(text(), 0..4), text()).prop_map(|(records, next)| ("memory.export", ExportPage { records, next }.into())),
        vec(fact(), 0..4).prop_map(|erased| ("memory.forget", ForgetReport { erased }.into())),
    ]
}

/// A response and the method that it answers.
pub(crate) fn response() -> impl Strategy<Value = (&'static str, Response)> {
    prop_oneof![
        status().prop_map(|it| ("status", it.into())),
        any::<(u32, u32)>().prop_map(|(pid, turns)| ("stop", StopReport { pid, turns }.into())),
        any::<u32>().prop_map(|cancelled| ("cancel", CancelReport { cancelled }.into())),
        answer().prop_map(|it| ("ask", it.into())),
        any::<bool>().prop_map(|accepted| ("approve", ApproveReport { accepted }.into())),
        (vec(text(), 0..4), vec(text(), 0..4))
            .prop_map(|(changed, restart_needed)| ("reload", ReloadReport { changed, restart_needed }.into())),
        vec(summary(), 0..4).prop_map(|sessions| ("sessions.list", SessionsReport { sessions }.into())),
        detail().prop_map(|it| ("sessions.show", it.into())),
        any::<u32>().prop_map(|cleared| ("sessions.clear", ClearReport { cleared }.into())),
        models().prop_map(|it| ("models", it.into())),
        cache_response(),
        memory_response(),
        mcp_response(),
    ]
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    let started = (text(), text(), text(), text(), text()).prop_map(|(turn, session, conversation, model, project)| {
        Event::Started(Started { turn, session, conversation, model, project })
    });
    let finished = (any::<u32>(), text(), any::<bool>(), any::<u64>(), text()).prop_map(
        |(call, name, ok, elapsed_ms, message)| {
            Event::ToolFinished(ToolFinished { call, name, ok, elapsed_ms, message })
        },
    );
    prop_oneof![
        started,
        text().prop_map(|delta| Event::Text(Delta { delta })),
        text().prop_map(|delta| Event::Reasoning(Delta { delta })),
        any::<bool>().prop_map(|void| Event::TextEnd(TextEnd { void })),
        (any::<u32>(), text(), text()).prop_map(|(call, name, summary)| Event::ToolStarted(ToolStarted {
            call,
            name,
            summary
        })),
        finished,
        (any::<u64>(), text(), text(), text()).prop_map(|(approval, name, summary, reason)| {
            Event::Approval(Approval { approval, name, summary, reason })
        }),
        (any::<u32>(), any::<u64>(), text()).prop_map(|(attempt, wait_ms, reason)| Event::Retry(Retry {
            attempt,
            wait_ms,
            reason
        })),
        text().prop_map(|message| Event::Notice(Notice { message })),
    ]
}

pub(crate) fn failure() -> impl Strategy<Value = Failure> {
    (prop::sample::select(ErrorKind::ALL.to_vec()), text(), text())
        .prop_map(|(kind, message, hint)| Failure::new(kind, message).hint(hint))
}

/// A body and the method that it answers.
pub(crate) fn body() -> impl Strategy<Value = (&'static str, Body)> {
    prop_oneof![
        event().prop_map(|event| ("ask", Body::Event(event))),
        response().prop_map(|(method, response)| (method, Body::Done(response))),
        failure().prop_map(|failure| ("status", Body::Failed(failure))),
    ]
}
