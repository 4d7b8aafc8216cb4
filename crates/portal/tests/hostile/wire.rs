//! Bytes that no HTTP library would send.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use futures_util::StreamExt;
use portal::serve::Patience;

use crate::support::{BOUNDARY, TestApp};

pub(crate) async fn bytes_on_the_wire(database: Option<String>) {
    let app = TestApp::with(database, |limits| (limits.request_seconds, limits.upload_seconds) = (1, 1)).await;
    let token = app.team("Ours").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let router = app.router.clone();
    let stopping = async {
        let _ = stopped.await;
    };
    let patience = Patience { heads: Duration::from_secs(1), ..Patience::default() };
    let server = tokio::spawn(portal::serve::serve(listener, router, stopping, patience));
    let post = "POST /api/v1/teams HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let form = format!(
        "POST /api/v1/boards/open/submissions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    );
    let requests: Vec<(&str, Vec<u8>)> = vec![
        ("nothing at all", b"".to_vec()),
        ("another protocol's greeting", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()),
        ("half a head", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_vec()),
        ("nothing but line ends", b"\r\n\r\n\r\n\r\n".to_vec()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("no version", b"GET /\r\n\r\n".to_vec()),
        ("version 9", b"GET / HTTP/9.9\r\n\r\n".to_vec()),
        ("a space before the header", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n".to_vec()),
        ("a zero byte in a header", b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n".to_vec()),
        ("bare line feeds", b"GET /api/v1/boards HTTP/1.1\nHost: x\nConnection: close\n\n".to_vec()),
        ("a very long line", [b"GET /".as_slice(), &vec![b'a'; 1 << 20], b" HTTP/1.1\r\n\r\n"].concat()),
        (
            "ten thousand headers",
            format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(10_000)).into_bytes(),
        ),
        ("two lengths", format!("{post}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{{}}").into_bytes()),
        ("a negative length", format!("{post}Content-Length: -1\r\n\r\n{{}}").into_bytes()),
        ("a huge length", format!("{post}Content-Length: 99999999999999999999\r\n\r\n{{}}").into_bytes()),
        (
            "length and chunks",
            format!("{post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /").into_bytes(),
        ),
        ("chunks of nonsense", format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n").into_bytes()),
        ("a huge chunk", format!("{post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc").into_bytes()),
        ("a chunk cut off", format!("{post}Transfer-Encoding: chunked\r\n\r\n10\r\nabc").into_bytes()),
        ("a body that never comes", format!("{post}Content-Length: 1000\r\n\r\n{{").into_bytes()),
        ("a form that never ends", format!("{form}Content-Length: 100000\r\n\r\n--{BOUNDARY}\r\n").into_bytes()),
        (
            "a form in bad chunks",
            format!("{form}Transfer-Encoding: chunked\r\n\r\n5\r\n--{BOUNDARY}\r\n-1\r\n").into_bytes(),
        ),
        (
            "two requests in one",
            b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                .to_vec(),
        ),
    ];
    for (name, bytes) in requests {
        let (answer, ended) = tokio::task::spawn_blocking(move || talk(address, &bytes)).await.unwrap();
        // Some get no answer, only an end; none may get an error of the server's, or keep the connection.
        assert!(!answer.contains("HTTP/1.1 5"), "{name}: {answer}");
        assert!(ended, "{name}: the connection stays open after {answer:?}");
    }
    let alive = tokio::task::spawn_blocking(move || {
        talk(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    });
    assert!(alive.await.unwrap().0.starts_with("HTTP/1.1 200"));
    drop(stop);
    server.await.unwrap().unwrap();
    assert_eq!(app.get("/api/v1/me", &token).await.status, StatusCode::OK);
}

/// A form of which nothing comes any more is given up long before the time that an upload may take.
pub(crate) async fn a_form_that_stalls(database: Option<String>) {
    let app = TestApp::with(database, |limits| limits.stall_seconds = 1).await;
    let token = app.team("Ours").await;
    let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{{");
    let first = futures_util::stream::iter([Ok::<_, std::io::Error>(head)]);
    let body = Body::from_stream(first.chain(futures_util::stream::pending()));
    let request = Request::post("/api/v1/boards/open/submissions")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
    let answer = tokio::time::timeout(Duration::from_secs(20), app.send(request.body(body).unwrap())).await;
    assert_eq!(answer.expect("it was waited for").problem(), (408, "timeout".to_owned()));
}

/// Sends bytes, then hears what comes until the other side ends the connection; false if it does not.
fn talk(address: SocketAddr, bytes: &[u8]) -> (String, bool) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server may refuse before everything is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    let ended = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break true,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
            Err(error) => break !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    };
    (String::from_utf8_lossy(&answer).into_owned(), ended)
}
