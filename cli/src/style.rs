//! Colours, where there is a terminal to show them, and texts of records made fit for one.
//!
//! Promises that no byte of a record reaches a terminal as a control character.

use annals_application::commands::Outcome;

/// Whether and how texts are painted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    is_on: bool,
}

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// As it is.
    Plain,
    /// For headings.
    Bold,
    /// For what matters less.
    Dim,
    /// For what went well.
    Green,
    /// For what is odd.
    Yellow,
    /// For what failed.
    Red,
}

impl Style {
    /// With colours or without.
    pub(crate) fn new(is_on: bool) -> Self {
        Self { is_on }
    }

    /// The text in that colour.
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

/// The colour of an outcome.
pub(crate) fn paint_of(outcome: Outcome) -> Paint {
    match outcome {
        Outcome::Stored => Paint::Green,
        Outcome::AwaitingBase | Outcome::BackfillRequested => Paint::Yellow,
        Outcome::Duplicate | Outcome::Ignored => Paint::Dim,
        Outcome::Quarantined => Paint::Red,
    }
}

/// A text on one line, its control characters escaped.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() { plain.extend(letter.escape_default()) } else { plain.push(letter) }
    }
    plain
}

/// A text of at most `most` characters, its control characters escaped.
pub(crate) fn short(text: &str, most: usize) -> String {
    // What is cut anyway need not be escaped first.
    let start: String = text.chars().take(most + 1).collect();
    let plain = plain(&start);
    if plain.chars().count() <= most {
        return plain;
    }
    plain.chars().take(most.saturating_sub(1)).chain(['…']).collect()
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
    fn colours_are_left_out_where_they_are_off() {
        assert_eq!(Style::new(false).paint(Paint::Red, "x"), "x");
        assert_eq!(Style::new(true).paint(Paint::Red, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Style::new(true).paint(Paint::Plain, "x"), "x");
    }
}
