//! Tables: columns as wide as their widest cell.
//!
//! Promises one line a row; what is in a cell is made fit for a terminal here. Does not know how
//! wide the terminal is.

use crate::style::{Paint, Style, plain};

/// The blank between two columns.
const GAP: &str = "  ";

/// A table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<(Paint, String)>>,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self { rows: vec![columns.iter().map(|name| (Paint::Bold, (*name).to_owned())).collect()] }
    }

    /// With another row; an empty cell is shown as `-`.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = (Paint, String)>) {
        let cell =
            |(paint, text): (Paint, String)| (paint, if text.is_empty() { "-".to_owned() } else { plain(&text) });
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    /// Its lines.
    pub(crate) fn lines(&self, style: Style) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|(_, text)| text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        self.rows.iter().map(|row| line(row, &widths, style)).collect()
    }
}

fn line(row: &[(Paint, String)], widths: &[usize], style: Style) -> String {
    let mut line = String::new();
    for (index, (paint, text)) in row.iter().enumerate() {
        line.push_str(&style.paint(*paint, text));
        if index + 1 < row.len() {
            // Padded behind the colour's end, since a colour's codes have no width.
            let missing = widths[index].saturating_sub(text.chars().count());
            line.push_str(&" ".repeat(missing));
            line.push_str(GAP);
        }
    }
    line
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
}
