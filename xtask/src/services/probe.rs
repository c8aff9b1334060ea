//! A request to a port to find out whether a service runs there.
//!
//! Takes a few seconds at most. A missing service and another program on the port are different results.

use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(2);
const READ: Duration = Duration::from_secs(5);

/// What runs at a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProbeResult {
    /// Nothing accepts a connection.
    Silent,
    /// The service, with its version if the response has it.
    Ready(Option<String>),
    /// Something else, or the service before it is ready, with a description.
    Other(String),
}

/// The response to a GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpResponse {
    pub(super) status: u16,
    pub(super) body: String,
}

impl ProbeResult {
    /// Requests `path`. `judge` decides what the response means.
    pub(super) fn of(port: u16, path: &str, judge: impl FnOnce(&HttpResponse) -> Option<ProbeResult>) -> Self {
        let Ok(stream) = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), CONNECT) else {
            return Self::Silent;
        };
        match reply(stream, path) {
            Some(reply) => {
                judge(&reply).unwrap_or_else(|| Self::Other(format!("it responds with status {}", reply.status)))
            }
            None => Self::Other("it does not respond like a web server".to_owned()),
        }
    }
}

/// HTTP/1.0, so that the response is not chunked and ends with the connection.
fn reply(mut stream: TcpStream, path: &str) -> Option<HttpResponse> {
    stream.set_read_timeout(Some(READ)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n").as_bytes()).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    parse(&String::from_utf8_lossy(&bytes))
}

fn parse(text: &str) -> Option<HttpResponse> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.trim().parse().ok()?;
    Some(HttpResponse { status, body: body.to_owned() })
}

impl fmt::Display for ProbeResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("not running"),
            Self::Ready(Some(version)) => write!(f, "ready, version {version}"),
            Self::Ready(None) => f.write_str("ready"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A port that responds to one request with these bytes, then closes the connection.
    fn port_with(bytes: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).expect("a request");
            stream.write_all(bytes.as_bytes()).expect("a client that reads");
        });
        port
    }

    fn judged(port: u16) -> ProbeResult {
        ProbeResult::of(port, "/", |reply| (reply.status == 200).then(|| ProbeResult::Ready(Some(reply.body.clone()))))
    }

    #[test]
    fn a_port_without_a_listener_is_silent() {
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port();
        assert_eq!(judged(port), ProbeResult::Silent);
    }

    #[test]
    fn the_result_depends_on_status_and_body() {
        assert_eq!(judged(port_with("HTTP/1.1 200 OK\r\na: b\r\n\r\n2.1")), ProbeResult::Ready(Some("2.1".to_owned())));
        let other = ProbeResult::Other("it responds with status 404".to_owned());
        assert_eq!(judged(port_with("HTTP/1.0 404 Not Found\r\n\r\n")), other);
    }

    #[test]
    fn another_protocol_is_another_program() {
        let other = ProbeResult::Other("it does not respond like a web server".to_owned());
        assert_eq!(judged(port_with("220 mail ready\r\n\r\n")), other);
        assert_eq!(judged(port_with("")), other);
    }
}
