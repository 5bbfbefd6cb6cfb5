//! Servers that are shell scripts, and servers that are a socket.

use std::{collections::BTreeMap, time::Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::{
    config::{HttpServer, Protocol, StdioServer, Transport},
    mcp::client::ClientError,
    redact::Redactor,
};

const LONG: Duration = Duration::from_secs(30);

/// A shell's server: what it says to each method.
const KNOWS: &str = r#"
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
while read -r line; do
  id=${line#*\"id\":}; id=${id%%[,\}]*}
  case $line in
    *server/discover*) eval "$DISCOVER" ;;
    *\"initialize\"*) answer '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"3"}}' ;;
    *tools/call*) eval "$CALL" ;;
    *tools/list*) answer '{"tools":[{"name":"t","inputSchema":{"type":"object"}}]}' ;;
    *ping*) answer '{}' ;;
  esac
done
"#;
const UNKNOWN: &str = r#"printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}\n' "$id""#;

fn stdio(script: &str) -> StdioServer {
    StdioServer {
        command: "sh".to_owned(),
        args: vec!["-c".to_owned(), script.to_owned()],
        env: BTreeMap::from([("DISCOVER".to_owned(), UNKNOWN.to_owned())]),
        ..StdioServer::default()
    }
}

fn target(transport: Transport) -> Target {
    Target {
        name: "x".to_owned(),
        server: Arc::new(McpServer::new(transport)),
        project: None,
        era: None,
        timeout: LONG,
    }
}

fn connector() -> Connector {
    let environment = |name: &str| match name {
        "PASSED" => Some("passed".into()),
        "TOKEN" => Some("t-0123456789".into()),
        "DEEPSEEK_API_KEY" => Some("sk-0123456789".into()),
        _ => None,
    };
    let connector = Connector::with_environment(std::env::temp_dir(), Arc::new(environment));
    connector.set_denied(vec!["DEEPSEEK_API_KEY".to_owned()]);
    connector
}

async fn connected(server: StdioServer) -> Result<Connection, ConnectError> {
    connector().connect(target(Transport::Stdio(server)), Arc::default()).await
}

async fn refused(server: StdioServer) -> ConnectError {
    match connected(server).await {
        Ok(_) => panic!("it connects"),
        Err(error) => error,
    }
}

async fn call(connection: &Connection) -> Result<String, ClientError> {
    let request = crate::mcp::client::CallRequest {
        tool: "t".to_owned(),
        arguments: serde_json::Map::new(),
        timeout: LONG,
        cancel: tokio_util::sync::CancellationToken::new(),
    };
    connection.client.call(request).await.map(|result| format!("{:?}", result.content))
}

#[tokio::test]
async fn a_server_is_started_greeted_called_and_stopped() {
    let mut server = stdio(KNOWS);
    server.env.insert("CALL".to_owned(), r#"answer '{"content":[{"type":"text","text":"hi"}]}'"#.to_owned());
    let connection = connected(server).await.unwrap();
    assert_eq!((connection.client.era(), &*connection.client.info().name), (Era::Legacy, "sh"));
    assert_eq!(connection.client.list_tools(LONG).await.unwrap().tools.len(), 1);
    assert_eq!(call(&connection).await.unwrap(), r#"[Text("hi")]"#);
    assert_eq!(connection.client.check(LONG).await, Ok(()));
    let command = std::fs::read_to_string(format!("/proc/{}/cmdline", connection.pid)).unwrap();
    assert!(command.starts_with("sh\0-c"), "{command}");
    let (begun, client) = (Instant::now(), Arc::clone(&connection.client));
    connection.life.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(2), "it leaves when its input is closed");
    assert_eq!(client.check(LONG).await, Err(ClientError::Closed));
}

#[tokio::test]
async fn a_server_that_dies_of_the_question_is_started_again() {
    let mut server = stdio(KNOWS);
    server.env.insert("DISCOVER".to_owned(), "exit 3".to_owned());
    assert_eq!(connected(server).await.unwrap().client.era(), Era::Legacy);
    let mut server = stdio(KNOWS);
    server.env.insert("DISCOVER".to_owned(), "answer '{}'".to_owned());
    assert_eq!(connected(server).await.unwrap().client.era(), Era::Legacy);
}

#[tokio::test]
async fn a_call_fails_at_once_when_the_server_dies_although_a_grandchild_holds_its_output() {
    let mut server = stdio(KNOWS);
    server.env.insert("CALL".to_owned(), "sleep 60 & kill -9 $$".to_owned());
    let mut connection = connected(server).await.unwrap();
    let begun = Instant::now();
    let (answer, how) = {
        let Connection { client, life, .. } = &mut connection;
        let request = crate::mcp::client::CallRequest {
            tool: "t".to_owned(),
            arguments: serde_json::Map::new(),
            timeout: LONG,
            cancel: tokio_util::sync::CancellationToken::new(),
        };
        tokio::join!(client.call(request), life.ended())
    };
    assert_eq!((answer, &*how), (Err(ClientError::Closed), "signal 9"));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_that_does_not_start_is_told_with_its_last_words() {
    let error = refused(stdio("echo one >&2; echo two >&2; echo key k-1234567890 >&2; echo four >&2; exit 7")).await;
    assert!(error.what.contains("(exit code 7); its last words: two / key k-1234567890 / four"), "{error:?}");
    assert!(error.retry && error.cure.contains("agentctl mcp logs x"), "{error:?}");
    let stderr = Arc::new(Stderr::default());
    stderr.set_redactor(Redactor::new(["k-1234567890".to_owned()]));
    let server = stdio("echo key k-1234567890 >&2");
    let _ = connector().connect(target(Transport::Stdio(server)), Arc::clone(&stderr)).await;
    assert!(!stderr.last(99).join("\n").contains("1234"));
}

#[tokio::test]
async fn a_setting_that_the_server_does_not_follow_is_named() {
    let mut target = target(Transport::Stdio(stdio(KNOWS)));
    Arc::make_mut(&mut target.server).protocol = Protocol::Modern;
    let error = connector().connect(target, Arc::default()).await.err().unwrap();
    assert!(error.cure.contains("mcp_servers.x.protocol is \"modern\""), "{error:?}");
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_named_with_its_cure_and_not_tried_again() {
    for command in ["no-such-command", "/no/such/command", "./no-such-command"] {
        let error = refused(StdioServer { command: command.to_owned(), ..StdioServer::default() }).await;
        assert_eq!(error.what, format!("command not found: {command}"));
        assert_eq!(error.cure, "install it, or give the full path in mcp_servers.x.command");
        assert!(!error.retry);
    }
    let server = StdioServer { cwd: Some("/no/such/directory".into()), ..stdio(KNOWS) };
    let error = refused(server).await;
    assert!(error.what.starts_with("its working directory /no/such/directory cannot be opened"), "{error:?}");
}

#[tokio::test]
async fn what_a_server_gets_is_what_is_written_down_for_it() {
    let project = tempfile::tempdir().unwrap();
    let mut server = stdio(KNOWS);
    server.env_vars = vec!["PASSED".to_owned(), "ABSENT".to_owned()];
    server.env.insert("ROOT".to_owned(), "${workspaceFolder}/src".to_owned());
    server.args.extend(["zero".to_owned(), "${workspaceFolder}".to_owned()]);
    let shown =
        r#"answer "{\"content\":[{\"type\":\"text\",\"text\":\"$PASSED|$ABSENT|$ROOT|$1|$PWD|$DEEPSEEK_API_KEY\"}]}""#;
    server.env.insert("CALL".to_owned(), shown.to_owned());
    let mut target = target(Transport::Stdio(server));
    target.project = Some(project.path().to_owned());
    let connection = connector().connect(target, Arc::default()).await.unwrap();
    let root = project.path().display();
    assert_eq!(call(&connection).await.unwrap(), format!("[Text(\"passed||{root}/src|{root}|{root}|\")]"));
}

#[tokio::test]
async fn the_providers_key_is_refused_to_every_server() {
    let key = "DEEPSEEK_API_KEY".to_owned();
    let error = refused(StdioServer { env_vars: vec![key.clone()], ..stdio(KNOWS) }).await;
    assert_eq!(error.what, "DEEPSEEK_API_KEY holds the provider's key, which no server gets");
    let by_token = HttpServer { bearer_token_env_var: Some(key.clone()), ..HttpServer::default() };
    let by_header = HttpServer { env_http_headers: BTreeMap::from([("x".to_owned(), key)]), ..HttpServer::default() };
    for server in [by_token, by_header] {
        let error = connector().connect(target(Transport::Http(server)), Arc::default()).await.err().unwrap();
        assert!(!error.retry && error.what.contains("DEEPSEEK_API_KEY"), "{error:?}");
    }
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let server = stdio(&format!("echo $$ > {}; sleep 60 & wait", file.display()));
    let connector = connector();
    let connecting = connector.connect(target(Transport::Stdio(server)), Arc::default());
    assert!(tokio::time::timeout(Duration::from_secs(2), connecting).await.is_err());
    let pid = std::fs::read_to_string(&file).unwrap();
    let begun = Instant::now();
    while std::path::Path::new("/proc").join(pid.trim()).exists() {
        assert!(begun.elapsed() < LONG, "it is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Answers every request with the same response, and gives what it was sent.
async fn web(response: &'static str) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let (tell, heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 64 << 10];
            let count = stream.read(&mut request).await.unwrap_or_default();
            let _ = tell.send(String::from_utf8_lossy(&request[..count]).into_owned());
            let _ = stream.write_all(response.as_bytes()).await;
        }
    });
    (url, heard)
}

async fn refused_web(server: HttpServer) -> ConnectError {
    connector().connect(target(Transport::Http(server)), Arc::default()).await.err().unwrap()
}

#[tokio::test]
async fn a_server_that_wants_a_login_is_told_with_the_cure() {
    for challenge in ["WWW-Authenticate: Bearer realm=\"x\"\r\n", ""] {
        let response =
            format!("HTTP/1.1 401 Unauthorized\r\n{challenge}Content-Length: 0\r\nConnection: close\r\n\r\n");
        let (url, _heard) = web(response.leak()).await;
        let error = refused_web(HttpServer { url: url.clone(), ..HttpServer::default() }).await;
        assert!(error.what.contains("wants a token") && !error.retry, "{error:?}");
        assert!(error.cure.contains("mcp_servers.x.bearer_token_env_var"), "{error:?}");
        let error =
            refused_web(HttpServer { url, bearer_token_env_var: Some("TOKEN".to_owned()), ..HttpServer::default() })
                .await;
        assert_eq!(error.cure, "put a token that the server takes into the variable TOKEN");
    }
}

#[tokio::test]
async fn headers_and_the_token_are_sent_and_no_redirect_is_followed() {
    let (elsewhere, mut elsewhere_heard) = web("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let response = format!("HTTP/1.1 307 x\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let (url, mut heard) = web(response.leak()).await;
    let server = HttpServer {
        url,
        bearer_token_env_var: Some("TOKEN".to_owned()),
        http_headers: BTreeMap::from([("x-plain".to_owned(), "one".to_owned())]),
        env_http_headers: BTreeMap::from([("x-named".to_owned(), "PASSED".to_owned())]),
    };
    let error = refused_web(server).await;
    assert!(error.retry, "{error:?}");
    let request = heard.recv().await.unwrap().to_ascii_lowercase();
    for line in ["authorization: bearer t-0123456789", "x-plain: one", "x-named: passed", "mcp-method: server/discover"]
    {
        assert!(request.contains(line), "{line}: {request}");
    }
    assert!(elsewhere_heard.try_recv().is_err());
}

#[tokio::test]
async fn what_is_missing_for_a_request_is_named() {
    let url = "http://127.0.0.1:9/mcp".to_owned();
    let server =
        HttpServer { url: url.clone(), bearer_token_env_var: Some("ABSENT".to_owned()), ..HttpServer::default() };
    let error = refused_web(server).await;
    assert_eq!(error.what, "the variable ABSENT is not set");
    assert!(error.cure.contains("ABSENT") && !error.retry);
    let faulty = BTreeMap::from([("x".to_owned(), "a\nb".to_owned())]);
    let error = refused_web(HttpServer { url, http_headers: faulty, ..HttpServer::default() }).await;
    assert_eq!(error.what, "the value of the header \"x\" cannot be sent");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp?token=hidden", listener.local_addr().unwrap());
    drop(listener);
    let error = refused_web(HttpServer { url, ..HttpServer::default() }).await;
    assert!(error.retry && error.what.contains("refused") && !error.what.contains("hidden"), "{error:?}");
}
