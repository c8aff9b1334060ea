//! Colours on a terminal, and the escaping of record texts: no control character of a record reaches a terminal.

use annals_application::commands::Outcome;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    is_on: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Bold,
    Dim,
    Green,
    Yellow,
    Red,
}

impl Style {
    pub(crate) fn new(is_on: bool) -> Self {
        Self { is_on }
    }

    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Plain => return text.to_owned(),
            Paint::Bold => 1,
            Paint::Dim => 2,
            Paint::Red => 31,
            Paint::Green => 32,
            Paint::Yellow => 33,
        };
        if self.is_on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

pub(crate) fn paint_of(outcome: Outcome) -> Paint {
    match outcome {
        Outcome::Stored => Paint::Green,
        Outcome::AwaitingBase | Outcome::BackfillRequested => Paint::Yellow,
        Outcome::Duplicate | Outcome::Ignored => Paint::Dim,
        Outcome::Quarantined => Paint::Red,
    }
}

/// The text on one line, with its control characters escaped.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() { plain.extend(letter.escape_default()) } else { plain.push(letter) }
    }
    plain
}

/// The text cut to at most `max` characters, with its control characters escaped.
pub(crate) fn short(text: &str, max: usize) -> String {
    // Cut first: the text may be long, and escaping costs more.
    let start: String = text.chars().take(max + 1).collect();
    let plain = plain(&start);
    if plain.chars().count() <= max {
        return plain;
    }
    plain.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_of_a_record_reaches_the_terminal() {
        assert_eq!(plain("a\u{1b}[31m\r\nb\u{9b}é"), "a\\u{1b}[31m\\r\\nb\\u{9b}é");
    }

    #[test]
    fn a_long_text_is_cut_with_an_ellipsis() {
        assert_eq!(short("abcd", 4), "abcd");
        assert_eq!(short("abcde", 4), "abc…");
        assert_eq!(short("\n\n\n\n", 4), "\\n\\…");
    }

    #[test]
    fn colours_are_left_out_if_they_are_off() {
        assert_eq!(Style::new(false).paint(Paint::Red, "x"), "x");
        assert_eq!(Style::new(true).paint(Paint::Red, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Style::new(true).paint(Paint::Plain, "x"), "x");
    }
}
