//! What is written to stdout and stderr.
//!
//! Promises that a reader who has seen enough (a closed pipe) is no failure: the work goes on, and
//! no more is written. Any other failure to write is told once, at the end.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};

use crate::exit::Failure;
use crate::style::{Paint, Style};
use crate::table::Table;

/// Where results go.
pub(crate) struct Out {
    to: BufWriter<Box<dyn Write + Send>>,
    style: Style,
    is_terminal: bool,
    broken: Option<io::Error>,
}

impl Out {
    /// To stdout.
    pub(crate) fn stdout(no_color: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self::new(Box::new(io::stdout()), is_terminal, no_color)
    }

    /// To stderr, where stdout is for something else.
    pub(crate) fn stderr(no_color: bool) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self::new(Box::new(io::stderr()), is_terminal, no_color)
    }

    fn new(to: Box<dyn Write + Send>, is_terminal: bool, no_color: bool) -> Self {
        Self { to: BufWriter::new(to), style: Style::new(is_terminal && !no_color), is_terminal, broken: None }
    }

    /// Whether a terminal shows it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// The text in a colour, where colours are shown.
    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        self.style.paint(paint, text)
    }

    /// How texts are painted here.
    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, text: impl Display) {
        if self.broken.is_none() {
            self.broken = writeln!(self.to, "{text}").err();
        }
    }

    /// Writes a table.
    pub(crate) fn table(&mut self, table: &Table) {
        for line in table.lines(self.style) {
            self.line(line);
        }
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.broken = self.to.write_all(bytes).err();
        }
    }

    /// Makes what was written visible.
    pub(crate) fn flush(&mut self) {
        if self.broken.is_none() {
            self.broken = self.to.flush().err();
        }
    }

    /// Ends writing, and tells whether all of it could be written to someone who still reads.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush();
        match self.broken {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::new(format!("stdout cannot be written: {error}")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Writes a line to stderr. Where it is closed nobody is there to be told.
pub(crate) fn notice(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[track_caller]
    fn check(kind: ErrorKind, is_failure: bool) {
        let mut out = Out::new(Box::new(Broken(kind)), false, false);
        for _ in 0..3 {
            out.line("x");
            out.flush();
        }
        assert_eq!(out.finish().is_err(), is_failure);
    }

    #[test]
    fn a_reader_who_has_seen_enough_is_no_failure_but_a_full_disk_is_one() {
        check(ErrorKind::BrokenPipe, false);
        check(ErrorKind::StorageFull, true);
    }
}
