//! Servers over Streamable HTTP: nobody's process of ours, and what the configuration gives them of the environment.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
};

use serde_json::json;
use tests::{Home, Running, bins, holds_within, mcp::RealServers, wait_until};

use crate::rig::{Rig, Server, UP};

/// A port that nobody listened on a moment ago.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn everything(real: &RealServers, home: &Home, port: u16) -> Running {
    let server = home.command(real.path("everything")).arg("streamableHttp").env("PORT", port.to_string());
    let running = server.timeout(UP * 3).start();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    wait_until(UP, "the server's port", || TcpStream::connect(address).is_ok());
    running
}

#[test]
fn a_real_server_over_http_is_used_and_found_again_after_it_was_away() {
    let aside = Home::with(bins!());
    let Some(real) = RealServers::find(&aside) else { return };
    let port = free_port();
    let server = everything(&real, &aside, port);
    let rig = Rig::new(&[Server::url("web", &format!("http://127.0.0.1:{port}/mcp"))]);
    let row = rig.wait("web", "ready");
    assert!(row["transport"] == "http" && row["pid"] == 0 && row["tools"].as_u64() > Some(0), "{row}");
    assert!(rig.text("web", "echo", &json!({"message": "hi"})).contains("hi"));
    drop(server);
    let output = rig.call("web", "echo", &json!({"message": "hi"}));
    assert!(output.code != Some(0) && output.stderr.contains("web"), "{output:?}");
    let again = everything(&real, &aside, port);
    let back = || rig.call("web", "echo", &json!({"message": "back"})).stdout.contains("back");
    assert!(holds_within(UP, back), "{}", rig.server("web"));
    rig.close();
    drop(again);
}

#[test]
fn a_server_that_nobody_serves_is_said_and_nobody_waits_for_it() {
    let rig = Rig::new(&[Server::url("web", &format!("http://127.0.0.1:{}/mcp", free_port()))]);
    let row = rig.wait_for("web", "refused", |row| row["error"] != "");
    assert!(row["error"].as_str().unwrap().to_lowercase().contains("connect"), "{row}");
    assert!(rig.desk.answer(["hello"]).trim().ends_with("hello"));
    rig.close();
}

/// Refuses everybody, and tells the heads of the requests.
fn refusing() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, heads) = channel();
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            let _ = (&stream).write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            if sender.send(head.join("\n")).is_err() {
                return;
            }
        }
    });
    (port, heads)
}

#[test]
fn a_token_is_taken_from_its_variable_and_shown_nowhere() {
    let (port, heads) = refusing();
    let token = "tok-of-the-web-server-0815";
    let keys = "bearer_token_env_var = \"WEB_TOKEN\"\nhttp_headers = { \"X-Plain\" = \"plain\" }";
    let server = Server::url("web", &format!("http://127.0.0.1:{port}/mcp")).keys(keys);
    let rig = Rig::with(&[server], "", |home| home.set_env("WEB_TOKEN", token));
    let head = heads.recv_timeout(UP).unwrap().to_lowercase();
    assert!(head.contains(&format!("authorization: bearer {token}")) && head.contains("x-plain: plain"), "{head}");
    assert!(!head.contains(rig.desk.provider.key()), "{head}");
    let row = rig.wait_for("web", "refused", |row| row["error"] != "");
    assert!(row["error"].as_str().unwrap().contains("WEB_TOKEN"), "the cure is named: {row}");
    let shown = [["mcp", "list"], ["mcp", "doctor"], ["config", "show"]].map(|words| {
        let output = rig.desk.ctl(words).run();
        format!("{}{}", output.stdout, output.stderr)
    });
    assert!(!shown.concat().contains(token) && !row.to_string().contains(token), "{shown:?}");
    rig.close();
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let keys = "bearer_token_env_var = \"NOT_SET_HERE\"";
    let rig = Rig::new(&[Server::url("web", &format!("http://127.0.0.1:{}/mcp", free_port())).keys(keys)]);
    let row = rig.wait("web", "failed");
    assert!(row["error"].as_str().unwrap().contains("NOT_SET_HERE"), "{row}");
    rig.close();
}
