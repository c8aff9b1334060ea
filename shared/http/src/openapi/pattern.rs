//! Regular expressions for the texts of parameters, in the part of the syntax that every JSON Schema validator knows.

/// A day: the 29th of February is accepted too, but a pattern cannot say in which years.
const DAY: &str = r"[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))";
const TIME: &str =
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])";
pub(super) const NUMBER: &str = r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?";
pub(super) const BOOL: &str = "(?:true|false)";
/// Any text, with line ends.
pub(super) const TEXT: &str = r"[\s\S]*";

pub(super) fn day() -> String {
    DAY.to_owned()
}

pub(super) fn timestamp() -> String {
    format!("{DAY}{TIME}")
}

/// A timestamp or a day.
pub(super) fn moment() -> String {
    format!("{DAY}(?:{TIME})?")
}

/// One of several expressions.
pub(super) fn one_of<'a>(alternatives: impl IntoIterator<Item = &'a str>) -> String {
    let alternatives: Vec<&str> = alternatives.into_iter().collect();
    format!("(?:{})", alternatives.join("|"))
}

/// The expression once or several times, separated by commas; at most `max` times.
pub(super) fn list(item: &str, max: Option<usize>) -> String {
    let further = max.map(|max| (max - 1).to_string()).unwrap_or_default();
    format!("{item}(?:,{item}){{0,{further}}}")
}

/// The whole text.
pub(super) fn whole(expression: &str) -> String {
    format!("^{expression}$")
}
