//! A service that records its requests, a proxy before it, and a client that detects how a connection ends.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals_services::Proxy;
use axum::Router;
use axum::extract::Request;
use axum::http::HeaderMap;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// After this time without a response the client gives up. It is much longer than a response takes.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

pub(crate) struct Fixture {
    pub(crate) proxy: Proxy,
    received: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

/// How a request ended for its client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With a response: its status and its body.
    Answered(u16, String),
    /// With a reset of the connection.
    Reset,
    /// Not within the time that the client waited.
    Silence,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let service = Router::new().fallback({
            let received = Arc::clone(&received);
            move |request: Request| async move {
                let (parts, body) = request.into_parts();
                let body = String::from_utf8(axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
                let length = body.len();
                received.lock().unwrap().push(format!("{} {} {body}", parts.method, parts.uri));
                let host = parts.headers["host"].to_str().unwrap().to_owned();
                (HeaderMap::from_iter([("x-host".parse().unwrap(), host.parse().unwrap())]), format!("{length} bytes"))
            }
        });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let upstream = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async { axum::serve(listener, service).await });
        Self { proxy: Proxy::start(&upstream), received, _runtime: runtime }
    }

    /// The method, URI and body of each request that reached the service.
    pub(crate) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.proxy.endpoint().trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(SILENCE)).unwrap();
        stream
    }

    /// Sends an operation as an AWS client does, on a new connection.
    pub(crate) fn send(&self, operation: &str) -> Ended {
        let mut stream = self.connect();
        stream.write_all(operation_request(operation).as_bytes()).unwrap();
        ended(&mut stream)
    }
}

/// The bytes of a request for an operation of DynamoDB, with the body `{}`.
pub(crate) fn operation_request(operation: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: the.service\r\nx-amz-target: DynamoDB_20120810.{operation}\r\n\
         content-length: 2\r\n\r\n{{}}"
    )
}

/// Reads until the response is complete or the request has ended in another way.
pub(crate) fn ended(stream: &mut TcpStream) -> Ended {
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => panic!("the connection ended without a reset, after {answer:?}"),
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ended::Reset,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
                return Ended::Silence;
            }
        }
        if let Some(answer) = whole(&String::from_utf8_lossy(&answer)) {
            return answer;
        }
    }
}

fn whole(answer: &str) -> Option<Ended> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().unwrap();
    let status = head.split(' ').nth(1)?.parse().unwrap();
    (body.len() >= length).then(|| Ended::Answered(status, body.to_owned()))
}
