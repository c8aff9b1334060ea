//! A Rust file as tokens, without its tests.
//!
//! Read by the compiler's own lexer, so that comments, strings and lifetimes are told from code exactly.

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, LexError, TokenStream, TokenTree};

/// The code of one file. What `#[cfg(test)]` leaves out of a build is left out here too.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) tokens: Vec<TokenTree>,
    /// How many lines of the file belong to its `#[cfg(test)]` items.
    pub(crate) test_lines: usize,
}

/// A function with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// From its `fn` to its closing brace.
    pub(crate) lines: usize,
}

impl Code {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let stream: TokenStream = text
            .parse()
            .map_err(|error: LexError| anyhow!("line {}: not readable as Rust", error.span().start().line))?;
        let mut test_lines = 0;
        let tokens = without_tests(stream, &mut test_lines);
        Ok(Self { tokens, test_lines })
    }

    /// All functions, those within others too.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        functions_in(&self.tokens, &mut found);
        found
    }
}

/// Whether the token is this word.
pub(crate) fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

/// Whether the token is this sign.
pub(crate) fn is_sign(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

/// The tokens in braces, if that is what the token is.
pub(crate) fn braces(token: Option<&TokenTree>) -> Option<&Group> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    }
}

fn without_tests(stream: TokenStream, test_lines: &mut usize) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if is_sign(tokens.get(at), '#') && is_for_tests(tokens.get(at + 1)) {
            let end = end_of_item(&tokens, at);
            *test_lines += tokens[end].span().end().line - tokens[at].span().start().line + 1;
            at = end + 1;
            continue;
        }
        kept.push(match &tokens[at] {
            TokenTree::Group(group) => {
                let inner = without_tests(group.stream(), test_lines).into_iter().collect();
                let mut copy = Group::new(group.delimiter(), inner);
                copy.set_span(group.span());
                TokenTree::Group(copy)
            }
            other => other.clone(),
        });
        at += 1;
    }
    kept
}

/// `[cfg(test)]`, also among other conditions.
fn is_for_tests(attribute: Option<&TokenTree>) -> bool {
    let text = attribute.map(ToString::to_string).unwrap_or_default().replace(' ', "");
    text == "[cfg(test)]" || text.starts_with("[cfg(all(test,")
}

/// The token that ends the item which begins here: its body or its semicolon.
fn end_of_item(tokens: &[TokenTree], from: usize) -> usize {
    let ends = |at: &usize| braces(tokens.get(*at)).is_some() || is_sign(tokens.get(*at), ';');
    (from..tokens.len()).find(ends).unwrap_or(tokens.len() - 1)
}

fn functions_in(tokens: &[TokenTree], found: &mut Vec<Function>) {
    for (at, token) in tokens.iter().enumerate() {
        match (token, tokens.get(at + 1)) {
            (TokenTree::Group(group), _) => functions_in(&Vec::from_iter(group.stream()), found),
            (TokenTree::Ident(word), Some(TokenTree::Ident(name))) if word == "fn" => {
                let body = braces(tokens.get(end_of_item(tokens, at)));
                found.extend(body.map(|body| {
                    let line = word.span().start().line;
                    Function { name: name.to_string(), line, lines: body.span_close().end().line - line + 1 }
                }));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"//! A module with a `fn` in its words.
use std::fmt;

fn one<'a>(text: &'a str) -> String {
    // fn not_one() {}
    let pattern = r#"fn not_two() {"#;
    fn inner() {}
    format!("{text}{pattern}")
}

trait Named {
    fn name(&self) -> String;
    fn brace(&self) -> char { '{' }
}

#[cfg(test)]
mod tests {
    fn in_tests() {}
}
"##;

    #[test]
    fn functions_with_a_body_are_counted_from_their_first_to_their_last_line() {
        let functions = Code::parse(TEXT).expect("it is Rust").functions();
        let found: Vec<_> = functions.iter().map(|it| (it.name.as_str(), it.line, it.lines)).collect();
        assert_eq!(found, [("one", 4, 6), ("inner", 7, 1), ("brace", 13, 1)]);
    }

    #[test]
    fn what_is_built_for_tests_alone_is_left_out_with_its_lines() {
        assert_eq!(Code::parse(TEXT).expect("it is Rust").test_lines, 4);
        let text = "#[cfg(test)]\nmod tests;\n#[cfg(feature = \"testing\")]\npub mod testing;\n";
        let code = Code::parse(text).expect("it is Rust");
        assert_eq!((code.test_lines, code.tokens.len()), (2, 6));
    }

    #[test]
    fn what_is_no_rust_is_refused_with_its_line() {
        let error = Code::parse("fn one() {}\nfn two() {").expect_err("a brace is missing");
        assert!(error.to_string().ends_with("not readable as Rust"), "{error}");
    }
}
