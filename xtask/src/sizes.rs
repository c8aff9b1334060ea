//! `cargo xtask sizes`: how large the packages, files and functions are.
//!
//! Production is what the packages under `cli`, `functions` and `shared` are built from, doc lines and blank lines
//! included. Tests, code for other packages' tests (the feature `testing`), benches and this package are apart.

use std::path::Path;

use anyhow::Result;

use crate::runner::Outcome;
use crate::source;
use crate::source::package::packages;

const LARGEST: usize = 10;

/// Sizes of things of one kind, the largest first, each with a name.
struct Sizes(Vec<(usize, String)>);

/// Prints the sizes of the tree under `root`.
pub(crate) fn print(root: &Path) -> Result<Outcome> {
    let packages = packages(&source::files(root)?)?;
    let (mut files, mut functions) = (Vec::new(), Vec::new());
    for package in packages.iter().filter(|package| package.is_production()) {
        for module in package.modules.iter().filter(|module| !module.for_testing) {
            files.push((module.lines - module.code.test_lines, module.path.clone()));
            let named = |it: source::code::Function| (it.lines, format!("{}:{} {}", module.path, it.line, it.name));
            functions.extend(module.code.functions().into_iter().map(named));
        }
    }
    let (files, functions) = (Sizes::new(files), Sizes::new(functions));
    println!("packages          {:6}", packages.len());
    println!("production files  {:6}", files.0.len());
    println!("production lines  {:6}", files.total());
    println!("file lines        {:6} median, {} p90 (at most 150 and 350)", files.quantile(50), files.quantile(90));
    println!(
        "function lines    {:6} median, {} p90 (at most 10 and 30)",
        functions.quantile(50),
        functions.quantile(90)
    );
    println!("\nlargest files\n{}\nlargest functions\n{}", files.largest(), functions.largest());
    Ok(Outcome::Done)
}

impl Sizes {
    fn new(mut sizes: Vec<(usize, String)>) -> Self {
        sizes.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
        Self(sizes)
    }

    fn total(&self) -> usize {
        self.0.iter().map(|(size, _)| size).sum()
    }

    /// The smallest size that this many of a hundred do not exceed.
    fn quantile(&self, percent: usize) -> usize {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.iter().rev().nth(rank.saturating_sub(1)).map_or(0, |(size, _)| *size)
    }

    fn largest(&self) -> String {
        self.0.iter().take(LARGEST).map(|(size, name)| format!("  {size:4}  {name}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_sizes_that_occur() {
        let sizes = |sizes: &[usize]| Sizes::new(sizes.iter().map(|size| (*size, String::new())).collect());
        let ten = sizes(&[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!((ten.quantile(50), ten.quantile(90), ten.total()), (5, 9, 55));
        assert_eq!((sizes(&[7]).quantile(50), sizes(&[]).quantile(90)), (7, 0));
    }

    #[test]
    fn the_largest_are_listed_with_their_names() {
        let sizes = Sizes::new((1..=12).map(|size| (size, format!("f{size}"))).collect());
        assert_eq!(sizes.largest().lines().next(), Some("    12  f12"));
        assert_eq!(sizes.largest().lines().count(), LARGEST);
    }
}
