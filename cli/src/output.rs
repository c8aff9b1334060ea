//! Writing to stdout and stderr.
//!
//! A closed pipe is no failure: the reader has seen enough, the work continues and nothing more is written. Any other
//! write error is reported once, at the end.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};

use crate::arguments::Publish;
use crate::exit::Failure;
use crate::style::{Paint, Style, plain};
use crate::table::Table;

pub(crate) struct Out {
    to: BufWriter<Box<dyn Write + Send>>,
    style: Style,
    is_terminal: bool,
    broken: Option<io::Error>,
}

impl Out {
    pub(crate) fn stdout(no_color: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self::new(Box::new(io::stdout()), is_terminal, no_color)
    }

    fn stderr(no_color: bool) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self::new(Box::new(io::stderr()), is_terminal, no_color)
    }

    /// To stdout, or to stderr while stdout carries published events.
    pub(crate) fn beside(publish: &Publish, no_color: bool) -> Self {
        if publish.uses_stdout() { Self::stderr(no_color) } else { Self::stdout(no_color) }
    }

    fn new(to: Box<dyn Write + Send>, is_terminal: bool, no_color: bool) -> Self {
        Self { to: BufWriter::new(to), style: Style::new(is_terminal && !no_color), is_terminal, broken: None }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        self.style.paint(paint, text)
    }

    pub(crate) fn style(&self) -> Style {
        self.style
    }

    pub(crate) fn line(&mut self, text: impl Display) {
        if self.broken.is_none() {
            self.broken = writeln!(self.to, "{text}").err();
        }
    }

    pub(crate) fn table(&mut self, table: &Table) {
        for line in table.lines(self.style) {
            self.line(line);
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.broken = self.to.write_all(bytes).err();
        }
    }

    pub(crate) fn flush(&mut self) {
        if self.broken.is_none() {
            self.broken = self.to.flush().err();
        }
    }

    /// Ends writing. Fails if something could not be written, except to a closed pipe.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush();
        match self.broken {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::new(format!("cannot write the output: {error}")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Writes a line to stderr. A closed stderr is ignored: nobody reads it.
pub(crate) fn notice(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The line of a rebuild about records that have no document.
pub(crate) fn awaiting_base(count: u64) -> String {
    format!("{count} records wait for their creation event")
}

/// Names on stderr the records that could not be rebuilt, each with the reason.
pub(crate) fn name_failed<'a>(failed: impl IntoIterator<Item = (String, &'a str)>) {
    for (key, reason) in failed {
        notice(format_args!("{}: {}", plain(&key), plain(reason)));
    }
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
    fn a_closed_pipe_is_no_failure_but_a_full_disk_is() {
        check(ErrorKind::BrokenPipe, false);
        check(ErrorKind::StorageFull, true);
    }
}
