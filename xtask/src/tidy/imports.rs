//! Which file of a crate takes which names from which other file.
//!
//! A name is followed through re-exports to the file that defines it, so a `mod.rs` that only re-exports imports
//! nothing. A module is made of its own submodules: what it takes from them does not count, what they take from it
//! does. `use` items and paths in code are read, calls of methods are not.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proc_macro2::{Delimiter, TokenTree};

use crate::source::code::{braces, is_sign, is_word};
use crate::source::package::Package;

/// Re-exports that lead to re-exports are followed this far: a chain without an end is no Rust.
const LONGEST_CHAIN: usize = 16;

/// Words that an item begins with whose name comes next.
const ITEMS: [&str; 8] = ["const", "enum", "fn", "static", "struct", "trait", "type", "union"];

/// From the importing file to the file that defines, with the names.
pub(super) type Imports = BTreeMap<(String, String), BTreeSet<String>>;

/// All imports between the files of a package.
pub(super) fn imports_of(package: &Package) -> Imports {
    let mut crate_names = CrateNames::default();
    for module in &package.modules {
        crate_names.modules.push(ModuleNames::new(module.names.clone(), &module.path));
    }
    for (at, module) in package.modules.iter().enumerate() {
        crate_names.read_items(at, &module.code.tokens);
    }
    crate_names.imports()
}

/// All modules of a crate: those that are files come first, then those within files.
#[derive(Default)]
struct CrateNames {
    modules: Vec<ModuleNames>,
}

/// What is known of the names in a module.
struct ModuleNames {
    /// The module's own names, from the root of the crate.
    names: Vec<String>,
    file: String,
    defined: HashSet<String>,
    uses: Vec<Use>,
    /// Paths of two and more names in its code.
    paths: Vec<Vec<String>>,
    /// All single words of its code.
    words: HashSet<String>,
}

/// One name that a `use` item brings; for `*`, the name is `*`.
struct Use {
    name: String,
    target: Vec<String>,
    public: bool,
}

impl ModuleNames {
    fn new(names: Vec<String>, file: &str) -> Self {
        let (defined, words) = (HashSet::new(), HashSet::new());
        Self { names, file: file.to_owned(), defined, uses: Vec::new(), paths: Vec::new(), words }
    }

    /// Whether it is in the other's file or in a submodule of the other.
    fn is_part_of(&self, other: &Self) -> bool {
        self.file == other.file || self.names.starts_with(&other.names)
    }
}

impl CrateNames {
    /// Reads the items of a module.
    fn read_items(&mut self, module: usize, tokens: &[TokenTree]) {
        let mut at = 0;
        let mut public = false;
        while at < tokens.len() {
            let word = match &tokens[at] {
                TokenTree::Ident(word) => word.to_string(),
                _ => String::new(),
            };
            let next = tokens.get(at + 1);
            match (word.as_str(), next) {
                ("pub", _) => public = true,
                ("use", _) => {
                    let end = (at..tokens.len()).find(|at| is_sign(tokens.get(*at), ';')).unwrap_or(tokens.len());
                    self.modules[module].read_use(&tokens[at + 1..end], &[], public);
                    (at, public) = (end, false);
                }
                ("mod", Some(TokenTree::Ident(name))) => {
                    if let Some(body) = braces(tokens.get(at + 2)) {
                        self.read_inner_module(module, name.to_string(), &Vec::from_iter(body.stream()));
                    }
                    (at, public) = (at + 2, false);
                }
                ("macro_rules", _) => {
                    let name = tokens.get(at + 2).map(ToString::to_string);
                    self.modules[module].defined.extend(name);
                    at += 2;
                }
                (item, Some(TokenTree::Ident(name))) if ITEMS.contains(&item) => {
                    self.modules[module].defined.insert(name.to_string());
                }
                _ => {}
            }
            if let Some(token) = tokens.get(at) {
                self.modules[module].read_code(tokens, at);
                public &= !(is_sign(Some(token), ';') || braces(Some(token)).is_some());
            }
            at += 1;
        }
    }

    fn read_inner_module(&mut self, parent: usize, name: String, tokens: &[TokenTree]) {
        let mut names = self.modules[parent].names.clone();
        names.push(name);
        let file = self.modules[parent].file.clone();
        self.modules.push(ModuleNames::new(names, &file));
        self.read_items(self.modules.len() - 1, tokens);
    }

    fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (at, module) in self.modules.iter().enumerate() {
            // A name that is only handed on is not taken: whoever takes it is counted instead.
            let taken = module.uses.iter().filter(|it| !it.public || module.words.contains(&it.name));
            for path in taken.map(|it| &it.target).chain(&module.paths) {
                let Some(definer) = self.definer(at, path, 0).filter(|definer| !definer.is_part_of(module)) else {
                    continue;
                };
                let name = path.last().cloned().unwrap_or_default();
                imports.entry((module.file.clone(), definer.file.clone())).or_default().insert(name);
            }
        }
        imports
    }

    /// The module that defines what the path names, seen from a module. None for other crates, and for a module as such.
    fn definer(&self, module: usize, path: &[String], depth: usize) -> Option<&ModuleNames> {
        if depth > LONGEST_CHAIN {
            return None;
        }
        let (first, rest) = path.split_first()?;
        let names = &self.modules[module].names;
        match first.as_str() {
            "crate" => self.definer(self.module(&[])?, rest, depth + 1),
            "self" => self.definer(module, rest, depth + 1),
            "super" => self.definer(self.module(&names[..names.len().checked_sub(1)?])?, rest, depth + 1),
            "*" => Some(&self.modules[module]),
            name => {
                let child: Vec<String> = names.iter().chain([first]).cloned().collect();
                if let Some(child) = self.module(&child) {
                    return self.definer(child, rest, depth + 1);
                }
                let module_names = &self.modules[module];
                if module_names.defined.contains(name) {
                    return Some(module_names);
                }
                let used = module_names.uses.iter().filter(|it| it.name == name || it.name == "*");
                let mut targets = used.map(|it| match it.name.as_str() {
                    "*" => [&it.target[..it.target.len() - 1], path].concat(),
                    _ => [&it.target, rest].concat(),
                });
                targets.find_map(|target| self.definer(module, &target, depth + 1))
            }
        }
    }

    fn module(&self, names: &[String]) -> Option<usize> {
        self.modules.iter().position(|module| module.names == names)
    }
}

impl ModuleNames {
    /// Reads a tree of names after `use`, with the names that lead to it.
    fn read_use(&mut self, tokens: &[TokenTree], before: &[String], public: bool) {
        let mut target = before.to_vec();
        let mut alias = None;
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if word == "as" => alias = tokens.get(at + 1).map(ToString::to_string),
                TokenTree::Ident(word) if alias.is_none() => target.push(word.to_string()),
                TokenTree::Punct(sign) if sign.as_char() == '*' => target.push("*".to_owned()),
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    for part in inner.split(|token| is_sign(Some(token), ',')).filter(|part| !part.is_empty()) {
                        self.read_use(part, &target, public);
                    }
                    return;
                }
                _ => {}
            }
        }
        if before.len() + 1 == target.len() && target.last().is_some_and(|name| name == "self") {
            target.pop();
        }
        let name = alias.or_else(|| target.last().cloned()).unwrap_or_default();
        self.uses.push(Use { name, target, public });
    }

    /// Reads what stands at one place of code: a path that begins there, a word, or a group and all in it.
    fn read_code(&mut self, tokens: &[TokenTree], at: usize) {
        match &tokens[at] {
            TokenTree::Group(group) => {
                let inner = Vec::from_iter(group.stream());
                let body = group.delimiter() == Delimiter::Brace;
                for inner_at in 0..inner.len() {
                    if body && is_word(inner.get(inner_at), "use") {
                        let rest = &inner[inner_at + 1..];
                        let end = rest.iter().position(|token| is_sign(Some(token), ';')).unwrap_or(rest.len());
                        self.read_use(&rest[..end], &[], false);
                    }
                    self.read_code(&inner, inner_at);
                }
            }
            TokenTree::Ident(word) => {
                self.words.insert(word.to_string());
                if !follows_colons(tokens, at) {
                    let path = path_at(tokens, at);
                    self.paths.extend((path.len() > 1).then_some(path));
                }
            }
            _ => {}
        }
    }
}

fn follows_colons(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && is_sign(tokens.get(at - 1), ':') && is_sign(tokens.get(at - 2), ':')
}

/// The names joined by `::` from here on.
fn path_at(tokens: &[TokenTree], mut at: usize) -> Vec<String> {
    let mut path = Vec::new();
    while let Some(TokenTree::Ident(word)) = tokens.get(at) {
        path.push(word.to_string());
        if !(is_sign(tokens.get(at + 1), ':') && is_sign(tokens.get(at + 2), ':')) {
            break;
        }
        at += 3;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;
    use crate::source::package::packages;

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
        let mut sources = vec![file("a/Cargo.toml", "")];
        sources.extend(files.iter().map(|(path, text)| file(&format!("a/src/{path}"), text)));
        let imports = imports_of(&packages(&sources).expect("it is Rust")[0]);
        let short = |path: &str| path.trim_start_matches("a/src/").to_owned();
        let found: Vec<String> = imports
            .into_iter()
            .map(|((from, to), names)| {
                format!("{} -> {}: {}", short(&from), short(&to), Vec::from_iter(names).join(" "))
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_name_is_taken_from_the_file_that_defines_it() {
        check(
            &[
                ("lib.rs", "mod one;\nmod two;\npub use self::one::One;"),
                ("one/mod.rs", "mod inner;\npub use self::inner::{One, other as another};"),
                ("one/inner.rs", "pub struct One;\npub fn other() {}"),
                ("two.rs", "use std::fmt;\nuse crate::One;\nfn two() { super::one::another(); fmt::Write::x(); }"),
            ],
            &["two.rs -> one/inner.rs: One another"],
        );
    }

    #[test]
    fn a_re_export_is_an_import_of_who_uses_the_name_too() {
        check(
            &[
                ("lib.rs", "mod one;\nmod two;\nmod three;"),
                ("one.rs", "pub struct One;\npub struct Other;"),
                ("two.rs", "use super::three::*;\nuse super::one::{self};\nfn g() { one::One; }"),
                ("three.rs", "pub use super::one::{One, Other};\nfn f(_: One) {}"),
            ],
            &["three.rs -> one.rs: One", "two.rs -> one.rs: One", "two.rs -> three.rs: *"],
        );
    }

    #[test]
    fn a_module_may_use_its_submodules_and_they_may_use_it() {
        check(
            &[
                ("lib.rs", "mod one;\nuse self::one::One;"),
                ("one.rs", "mod inner;\npub struct One(inner::Inner);"),
                ("one/inner.rs", "use super::One;\npub struct Inner;"),
            ],
            &["one/inner.rs -> one.rs: One"],
        );
    }

    #[test]
    fn paths_are_seen_in_bodies_macros_and_modules_within_a_file() {
        check(
            &[
                ("lib.rs", "mod one;\nmod two;"),
                ("one.rs", "pub enum One { A }\npub(crate) fn f() {}\nmacro_rules! m { () => {} }\npub(crate) use m;"),
                (
                    "two.rs",
                    "mod inner { use super::super::one::f; }\nfn g() { assert!(matches!(x, crate::one::One)); }\n\
                     fn h() { use crate::one::m; m!(); }",
                ),
            ],
            &["two.rs -> one.rs: One f m"],
        );
    }

    #[test]
    fn what_only_tests_take_is_not_counted() {
        check(
            &[
                ("lib.rs", "mod one;\nmod two;"),
                ("one.rs", "pub struct One;"),
                ("two.rs", "#[cfg(test)]\nmod tests { use crate::one::One; }"),
            ],
            &[],
        );
    }
}
