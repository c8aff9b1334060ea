//! Cuts a query into words, texts and signs, each with its column.

use super::QueryError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, a keyword, a number, a date or a time.
    Word(String),
    Text(String),
    Sign(&'static str),
}

impl Token {
    pub(super) fn show(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Text(text) => format!("'{text}'"),
            Self::Sign(sign) => (*sign).to_owned(),
        }
    }
}

const SIGNS: [&str; 10] = ["<=", ">=", "!=", "<>", "<", ">", "=", ",", "(", ")"];

/// The tokens of a query, each with its column from 1.
pub(super) fn tokens(query: &str) -> Result<Vec<(usize, Token)>, QueryError> {
    let mut found = Vec::new();
    let mut rest = query;
    loop {
        rest = rest.trim_start();
        let column = query.len() - rest.len() + 1;
        let Some(first) = rest.chars().next() else { return Ok(found) };
        let (token, after) = if first == '\'' {
            text(rest, column)?
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (Token::Sign(sign), &rest[sign.len()..])
        } else {
            let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            if end == 0 {
                let message = format!("ERROR at Row:1:Column:{column}\nunexpected token: '{first}'");
                return Err(QueryError::new("MALFORMED_QUERY", message));
            }
            (Token::Word(rest[..end].to_owned()), &rest[end..])
        };
        found.push((column, token));
        rest = after;
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '+' | '-')
}

/// A quoted text, with `\'` and `\\` for a quote and a backslash.
fn text(rest: &str, column: usize) -> Result<(Token, &str), QueryError> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Ok((Token::Text(text), &rest[at + 1..])),
            '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => text.push(c),
        }
    }
    let message = format!("ERROR at Row:1:Column:{column}\nline 1:{column} mismatched character '<EOF>' expecting '''");
    Err(QueryError::new("MALFORMED_QUERY", message))
}
