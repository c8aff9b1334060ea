//! Tables on the terminal: a line a row, columns as wide as their widest cell.

use std::io::Write;

use tabwriter::TabWriter;

use crate::style::{Paint, Style, plain};

#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<(Paint, String)>>,
}

impl Table {
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self { rows: vec![columns.iter().map(|name| (Paint::Bold, (*name).to_owned())).collect()] }
    }

    /// Adds a row. An empty cell is shown as `-`; control characters are escaped.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = (Paint, String)>) {
        let cell =
            |(paint, text): (Paint, String)| (paint, if text.is_empty() { "-".to_owned() } else { plain(&text) });
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    pub(crate) fn lines(&self, style: Style) -> Vec<String> {
        let mut aligned = TabWriter::new(Vec::new()).minwidth(0).padding(2).ansi(true);
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|(paint, text)| style.paint(*paint, text)).collect();
            // Writing to memory does not fail.
            let _ = writeln!(aligned, "{}", cells.join("\t"));
        }
        let _ = aligned.flush();
        let aligned = aligned.into_inner().unwrap_or_default();
        String::from_utf8_lossy(&aligned).lines().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["id", "name"]);
        table.row([(Paint::Plain, "1234".to_owned()), (Paint::Red, "é\n".to_owned())]);
        table.row([(Paint::Plain, String::new()), (Paint::Plain, "b".to_owned())]);
        assert_eq!(table.lines(Style::new(false)), ["id    name", "1234  é\\n", "-     b"]);
        assert_eq!(table.lines(Style::new(true))[1], "1234  \u{1b}[31mé\\n\u{1b}[0m");
    }

    #[track_caller]
    fn check(text: &str, width: usize) {
        let mut table = Table::new(&["name", "x"]);
        table.row([(Paint::Red, text.to_owned()), (Paint::Plain, "1".to_owned())]);
        for is_on in [false, true] {
            let lines = table.lines(Style::new(is_on));
            let name = Style::new(is_on).paint(Paint::Bold, "name");
            let heading =
                format!("{name}{}{}", " ".repeat(width.max(4) - 4 + 2), Style::new(is_on).paint(Paint::Bold, "x"));
            let cell = Style::new(is_on).paint(Paint::Red, text);
            assert_eq!(lines, [heading, format!("{cell}{}1", " ".repeat(4_usize.saturating_sub(width) + 2))], "{text}");
        }
    }

    #[test]
    fn wide_and_combined_characters_keep_the_columns_aligned() {
        check("株式会社", 8);
        check("株", 2);
        check("🚀🚀🚀", 6);
        check("e\u{301}a\u{308}", 2);
        // Terminals that do not join emoji show each of them, and so it is counted.
        check("👩\u{200d}💻 dev", 8);
        check("ﬁrst ñandú", 10);
    }
}
