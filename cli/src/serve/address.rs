//! Where to listen, and who may ask there.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;

use annals_http::{Login, TokenSet};
use tokio::net::TcpListener;

use crate::arguments::Serve;
use crate::exit::Failure;

/// How callers show who they are: by the token file, or on loopback not at all.
pub(super) fn login(serve: &Serve) -> Result<Login, Failure> {
    let Some(file) = &serve.token_file else {
        if serve.listen.ip().to_canonical().is_loopback() {
            return Ok(Login::None);
        }
        let message = format!("{} is reached from other machines, so a login is needed", serve.listen);
        return Err(
            Failure::wrong_use(message).hint("--token-file FILE names the tokens; --listen 127.0.0.1:8080 needs none")
        );
    };
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::wrong_use(format!("{}: the token file cannot be read: {error}", file.display())))?;
    let tokens = TokenSet::parse(&text).map_err(|error| Failure::wrong_use(format!("{}: {error}", file.display())))?;
    Ok(Login::Tokens(tokens))
}

/// Takes the address.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => Failure::new(format!("{address} is in use by another program"))
            .hint("--listen 127.0.0.1:0 takes any free port"),
        _ => Failure::new(format!("{address} cannot be listened to: {error}")),
    })
}
