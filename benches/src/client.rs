//! A bare HTTP client: one connection that stays open, and responses of a known length.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result};

/// A connection.
pub struct Client {
    address: String,
    stream: BufReader<TcpStream>,
}

/// What a server answered.
pub struct Response {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Client {
    /// To `host:port`.
    pub fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { address: address.to_owned(), stream: BufReader::new(stream) })
    }

    /// Gets a path.
    pub fn get(&mut self, path: &str) -> Result<Response> {
        self.get_with(path, "")
    }

    /// The same with more headers, each a line that ends with `\r\n`.
    pub fn get_with(&mut self, path: &str, headers: &str) -> Result<Response> {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", self.address))
    }

    /// Posts a body.
    pub fn post(&mut self, path: &str, body: &str) -> Result<Response> {
        self.post_with(path, "", body)
    }

    /// The same with more headers.
    pub fn post_with(&mut self, path: &str, headers: &str, body: &str) -> Result<Response> {
        let (host, length) = (&self.address, body.len());
        let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n");
        self.send(&(head + body))
    }

    fn send(&mut self, request: &str) -> Result<Response> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).with_context(|| format!("no status in `{}`", line.trim_end()))?.parse()?;
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Response { status, body: String::from_utf8(body)? })
    }
}
