//! The address to listen on, and the login of callers.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;

use annals_http::{Login, TokenSet};
use tokio::net::TcpListener;

use crate::arguments::Serve;
use crate::exit::Failure;

/// By the tokens of the file; without a file only a loopback address is allowed, and callers need no login.
pub(super) fn login(serve: &Serve) -> Result<Login, Failure> {
    let Some(file) = &serve.token_file else {
        if serve.listen.ip().to_canonical().is_loopback() {
            return Ok(Login::None);
        }
        let message = format!("{} can be reached from other machines, so a login is needed", serve.listen);
        return Err(
            Failure::usage(message).hint("name a file of tokens with --token-file, or use --listen 127.0.0.1:8080")
        );
    };
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("{}: cannot read the token file: {error}", file.display())))?;
    let tokens = TokenSet::parse(&text).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    Ok(Login::Tokens(tokens))
}

pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => Failure::new(format!("{address} is in use by another program"))
            .hint("use another port; --listen 127.0.0.1:0 uses any free one"),
        _ => Failure::new(format!("cannot listen on {address}: {error}")),
    })
}
