//! What a port answers when it is asked for a service.
//!
//! Promises to wait some seconds at most, and to tell a service that is not there from another
//! program on its port.

use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(5);

/// What is at a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing accepts a connection.
    Silent,
    /// The service; its version, where it tells it.
    Ready(Option<String>),
    /// Something else, or the service before it is ready; what it said.
    Other(String),
}

/// The answer to a GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Answer {
    /// Asks for `path`; what the reply means is for `judge` to say.
    pub(super) fn to(port: u16, path: &str, judge: impl FnOnce(&Reply) -> Option<Answer>) -> Self {
        let Ok(stream) = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), CONNECT) else {
            return Self::Silent;
        };
        match reply(stream, path) {
            Some(reply) => {
                judge(&reply).unwrap_or_else(|| Self::Other(format!("it answers with status {}", reply.status)))
            }
            None => Self::Other("it does not answer as a web server does".to_owned()),
        }
    }
}

/// HTTP/1.0, so that the reply is neither chunked nor followed by another.
fn reply(mut stream: TcpStream, path: &str) -> Option<Reply> {
    stream.set_read_timeout(Some(ANSWER)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n").as_bytes()).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    parse(&String::from_utf8_lossy(&bytes))
}

fn parse(text: &str) -> Option<Reply> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.trim().parse().ok()?;
    Some(Reply { status, body: body.to_owned() })
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("not running"),
            Self::Ready(Some(version)) => write!(f, "answers, version {version}"),
            Self::Ready(None) => f.write_str("answers"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A port that answers one request with these bytes, then ends the connection.
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

    fn judged(port: u16) -> Answer {
        Answer::to(port, "/", |reply| (reply.status == 200).then(|| Answer::Ready(Some(reply.body.clone()))))
    }

    #[test]
    fn what_accepts_no_connection_is_silent() {
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port();
        assert_eq!(judged(port), Answer::Silent);
    }

    #[test]
    fn the_reply_is_judged_by_status_and_body() {
        assert_eq!(judged(port_with("HTTP/1.1 200 OK\r\na: b\r\n\r\n2.1")), Answer::Ready(Some("2.1".to_owned())));
        let other = Answer::Other("it answers with status 404".to_owned());
        assert_eq!(judged(port_with("HTTP/1.0 404 Not Found\r\n\r\n")), other);
    }

    #[test]
    fn another_protocol_is_neither_the_service_nor_silence() {
        let other = Answer::Other("it does not answer as a web server does".to_owned());
        assert_eq!(judged(port_with("220 mail ready\r\n\r\n")), other);
        assert_eq!(judged(port_with("")), other);
    }
}
