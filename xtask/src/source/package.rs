//! The packages of the workspace, and the files that each is built from.
//!
//! Files are found as the compiler finds them: from `src/lib.rs` and `src/main.rs` by their `mod` items. A file that
//! only tests reach is not part of its package here.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use proc_macro2::TokenTree;

use super::SourceFile;
use super::code::{Code, braces, is_sign, is_word};

/// A package, by the folder of its manifest.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) folder: String,
    pub(crate) modules: Vec<Module>,
}

/// A file of a package.
#[derive(Debug)]
pub(crate) struct Module {
    /// From the workspace's folder.
    pub(crate) path: String,
    /// Its names from the root of the crate, none for the root itself.
    pub(crate) names: Vec<String>,
    pub(crate) code: Code,
    /// All its lines, those of its tests too.
    pub(crate) lines: usize,
    /// Built with the feature `testing` only: what other packages' tests use.
    pub(crate) for_testing: bool,
}

/// A `mod` item without a body.
struct Declared {
    name: String,
    for_testing: bool,
}

/// All packages under the workspace's own manifest, by their folders.
pub(crate) fn packages(files: &[SourceFile]) -> Result<Vec<Package>> {
    let by_path: BTreeMap<&str, &SourceFile> = files.iter().map(|file| (file.path.as_str(), file)).collect();
    let folders = files.iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml"));
    folders.map(|folder| Package::read(folder, &by_path)).collect()
}

impl Package {
    /// Whether it is part of what is installed and deployed.
    pub(crate) fn is_production(&self) -> bool {
        ["cli", "functions", "shared"].contains(&self.folder.split('/').next().unwrap_or(&self.folder))
    }

    fn read(folder: &str, files: &BTreeMap<&str, &SourceFile>) -> Result<Self> {
        let mut package = Self { folder: folder.to_owned(), modules: Vec::new() };
        for root in ["lib.rs", "main.rs"] {
            if let Some(file) = files.get(format!("{folder}/src/{root}").as_str()) {
                package.read_module(file, Vec::new(), false, files)?;
            }
        }
        Ok(package)
    }

    fn read_module(
        &mut self,
        file: &SourceFile,
        names: Vec<String>,
        for_testing: bool,
        files: &BTreeMap<&str, &SourceFile>,
    ) -> Result<()> {
        let code = Code::parse(&file.text).with_context(|| file.path.clone())?;
        let declared = declared_in(&code.tokens);
        let lines = file.text.lines().count();
        self.modules.push(Module { path: file.path.clone(), names: names.clone(), code, lines, for_testing });
        for child in declared {
            let folder = folder_of_children(&file.path);
            let paths = [format!("{folder}/{}.rs", child.name), format!("{folder}/{}/mod.rs", child.name)];
            let Some(found) = paths.iter().find_map(|path| files.get(path.as_str())) else { continue };
            // A module for each of two features is declared twice, and both roots may declare the same.
            if self.modules.iter().any(|module| module.path == found.path) {
                continue;
            }
            let mut names = names.clone();
            names.push(child.name);
            self.read_module(found, names, for_testing || child.for_testing, files)?;
        }
        Ok(())
    }
}

/// Where the compiler looks for the modules that a file declares.
fn folder_of_children(path: &str) -> &str {
    let is_root = ["/lib.rs", "/main.rs", "/mod.rs"].iter().any(|name| path.ends_with(name));
    let end = if is_root { path.rfind('/') } else { path.rfind('.') };
    &path[..end.unwrap_or(path.len())]
}

fn declared_in(tokens: &[TokenTree]) -> Vec<Declared> {
    let mut declared = Vec::new();
    let mut for_testing = false;
    for (at, token) in tokens.iter().enumerate() {
        match (token, tokens.get(at + 1)) {
            (TokenTree::Ident(word), Some(TokenTree::Ident(name)))
                if word == "mod" && is_sign(tokens.get(at + 2), ';') =>
            {
                declared.push(Declared { name: name.to_string(), for_testing });
            }
            (TokenTree::Group(group), _) if is_word(group.stream().into_iter().next().as_ref(), "cfg") => {
                for_testing = group.to_string().contains("\"testing\"");
            }
            _ if is_sign(Some(token), ';') || braces(Some(token)).is_some() => for_testing = false,
            _ => {}
        }
    }
    declared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_package_are_those_that_its_modules_lead_to() {
        let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
        let files = [
            file("a/Cargo.toml", ""),
            file("a/src/lib.rs", "mod b;\n#[cfg(feature = \"testing\")]\npub mod contract;\n#[cfg(test)]\nmod tests;"),
            file("a/src/b.rs", "pub(crate) mod c;\nmod tests { mod not_here; }"),
            file("a/src/b/c.rs", ""),
            file("a/src/contract/mod.rs", "mod rules;"),
            file("a/src/contract/rules.rs", ""),
            file("a/src/forgotten.rs", ""),
            file("a/src/tests.rs", ""),
            file("z/Cargo.toml", ""),
        ];
        let packages = packages(&files).expect("it is Rust");
        let folders: Vec<_> = packages.iter().map(|it| it.folder.as_str()).collect();
        assert_eq!(folders, ["a", "z"]);
        let modules: Vec<_> =
            packages[0].modules.iter().map(|it| (it.path.as_str(), it.names.join("::"), it.for_testing)).collect();
        let expected = [
            ("a/src/lib.rs", String::new(), false),
            ("a/src/b.rs", "b".to_owned(), false),
            ("a/src/b/c.rs", "b::c".to_owned(), false),
            ("a/src/contract/mod.rs", "contract".to_owned(), true),
            ("a/src/contract/rules.rs", "contract::rules".to_owned(), true),
        ];
        assert_eq!(modules, expected);
    }
}
