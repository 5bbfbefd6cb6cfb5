//! For tests: a home, and a fake daemon that speaks the protocol over a real socket.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    sync::Arc,
    thread,
};

use proto::{
    Body, ClientMessage, ErrorKind, Failure, Request, RequestId, ServerMessage, StatusReport, codec,
    endpoint::{Endpoint, LockInfo},
    frame::{self, FrameKind},
    hello::{HELLO_LEN, Hello},
};

/// A pid that no process has: above the kernel's highest possible one.
pub(crate) const DEAD_PID: u32 = 0x7fff_fff0;

/// A directory for one test.
pub(crate) fn home() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("actl").tempdir_in("/tmp").unwrap()
}

/// An endpoint inside it, its directories made.
pub(crate) fn endpoint(home: &tempfile::TempDir) -> Endpoint {
    let (state_dir, run) = (home.path().join("state"), home.path().join("xdg/agentd"));
    for dir in [&state_dir, &run] {
        fs::create_dir_all(dir).unwrap();
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    }
    Endpoint { state_dir, socket: run.join("agentd.sock"), socket_pinned: false }
}

/// A lock file as a daemon leaves it.
pub(crate) fn write_lock(endpoint: &Endpoint, pid: u32, socket: &Path) {
    let info = LockInfo { pid, version: "0.1.0".into(), socket: socket.to_owned() };
    fs::write(endpoint.lock_file(), info.to_text()).unwrap();
}

/// One connection of the fake daemon.
pub(crate) struct Connection(pub UnixStream);

impl Connection {
    /// The next request; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<ClientMessage> {
        let mut payload = Vec::new();
        frame::read(&mut self.0, &mut payload).ok()??;
        Some(codec::decode(&payload).unwrap())
    }

    /// Sends one message; false when the client has gone.
    pub(crate) fn send(&mut self, id: &RequestId, body: Body) -> bool {
        let message = ServerMessage { id: id.clone(), body };
        frame::write(&mut self.0, FrameKind::Reply, &codec::encode(&message).unwrap()).is_ok()
    }
}

/// A daemon in a thread; serves each connection with `serve` until the process ends.
pub(crate) struct Fake;

impl Fake {
    /// Listens on `socket`.
    pub(crate) fn start(socket: &Path, serve: impl Fn(Connection) + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let serve = Arc::clone(&serve);
                thread::spawn(move || {
                    let mut hello = [0; HELLO_LEN];
                    if stream.read_exact(&mut hello).is_ok() {
                        let _ = stream.write_all(&Hello::ours("agentd").encode());
                        serve(Connection(stream));
                    }
                });
            }
        });
        Self
    }
}

/// Answers `status` and nothing else.
pub(crate) fn status_only(mut connection: Connection) {
    while let Some(message) = connection.next() {
        let body = match message.request {
            Request::Status(_) => {
                Body::Done(StatusReport { version: proto::VERSION.into(), pid: 1, ..Default::default() }.into())
            }
            other => Body::Failed(Failure::new(ErrorKind::UnknownMethod, other.method())),
        };
        connection.send(&message.id, body);
    }
}

/// Sends `bytes` to each client and hangs up.
pub(crate) fn raw_server(socket: &Path, bytes: Vec<u8>) -> thread::JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(&bytes);
        }
    })
}
