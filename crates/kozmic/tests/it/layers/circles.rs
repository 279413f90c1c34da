//! Finds circles of modules in each crate. Two modules make a circle if each knows the other, directly or by way of
//! further modules. A module and those in its folder are one: they may know each other. Tests are left out.

use super::{code, crates, is_for_tests, modules, paths, sources};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The path of a module or an item below its crate, one word each. The crate itself has an empty one.
type Name = Vec<String>;

/// The code of a crate by modules.
struct Modules(BTreeMap<Name, String>);

/// One module's knowledge of another, each lifted to the folder that holds both.
struct Edge {
    from: Name,
    to: Name,
    /// The file, and the path that it uses.
    found: String,
}

/// Modules that know each other, and the edges between them.
#[derive(Debug, PartialEq, Eq)]
struct Circle {
    modules: Vec<String>,
    found: Vec<String>,
}

impl Modules {
    /// The modules of the crate with this directory of sources.
    fn read(dir: &Path) -> Self {
        let all = sources(dir).into_iter().filter(|(path, _)| !path.starts_with(dir.join("bin")));
        Self::of(all.map(|(path, source)| {
            let path = path.strip_prefix(dir).expect("it was found there").with_extension("");
            (path.to_string_lossy().into_owned(), source)
        }))
    }

    fn of(files: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>) -> Self {
        let all = files.into_iter().filter(|(path, _)| !is_for_tests(Path::new(path.as_ref())));
        Self(all.map(|(path, source)| (name(path.as_ref()), code(source.as_ref()))).collect())
    }

    /// The items that modules have from elsewhere, by the paths under which others may reach them there.
    fn imports(&self) -> BTreeMap<Name, Name> {
        let mut imports = BTreeMap::new();
        for (module, code) in &self.0 {
            for text in uses(code) {
                let of_child =
                    || joined(module, text).into_iter().filter(|path| self.has_child(module, path));
                let full = if is_relative(text) { absolute(module, text) } else { of_child().collect() };
                imports.extend(full.into_iter().filter_map(|path| Some((under(module, path.last()?), path))));
            }
        }
        imports.retain(|known, path| known != path);
        imports
    }

    fn has_child(&self, module: &Name, path: &Name) -> bool {
        path.get(..=module.len()).is_some_and(|child| self.0.contains_key(child))
    }

    /// The module in which the item with this path is.
    fn home(&self, mut path: Name, imports: &BTreeMap<Name, Name>) -> Name {
        // An import may lead to another one. Two that lead to each other do not compile.
        for _ in 0..10 {
            let longest = (1..=path.len()).rev().find(|end| imports.contains_key(&path[..*end]));
            let Some(end) = longest.filter(|end| !self.0.contains_key(&path[..*end])) else { break };
            path = [&imports[&path[..end]], &path[end..]].concat();
        }
        while !self.0.contains_key(&path) && !path.is_empty() {
            path.pop();
        }
        path
    }

    fn edges(&self) -> Vec<Edge> {
        let imports = self.imports();
        let mut edges = Vec::new();
        for (module, code) in self.0.iter().filter(|(module, _)| !module.is_empty()) {
            for path in relative(code).flat_map(|text| absolute(module, text)) {
                let found = format!("{}.rs uses crate::{}", module.join("/"), path.join("::"));
                if let Some((from, to)) = siblings(module, &self.home(path, &imports)) {
                    edges.push(Edge { from, to, found });
                }
            }
        }
        edges
    }

    fn circles(&self) -> Vec<Circle> {
        let edges = self.edges();
        let names = edges.iter().map(|edge| &edge.from).collect::<BTreeSet<_>>();
        let reach = names.into_iter().map(|name| (name, reach(name, &edges))).collect::<BTreeMap<_, _>>();
        let knows = |one: &Name, other: &Name| reach.get(one).is_some_and(|reach| reach.contains(other));
        let circle = |name: &Name| {
            let all = reach[name].iter().filter(|other| knows(other, name));
            all.cloned().collect::<BTreeSet<_>>()
        };
        let circles = reach.keys().map(|name| circle(name)).filter(|circle| !circle.is_empty());
        let circles = circles.collect::<BTreeSet<_>>();
        circles.iter().map(|circle| Circle::of(circle, &edges)).collect()
    }
}

impl Circle {
    fn of(modules: &BTreeSet<Name>, edges: &[Edge]) -> Self {
        let is_in = |edge: &&Edge| modules.contains(&edge.from) && modules.contains(&edge.to);
        let found = edges.iter().filter(is_in).map(|edge| edge.found.clone());
        let found = found.collect::<BTreeSet<_>>().into_iter().collect();
        Self { modules: modules.iter().map(|module| module.join("/")).collect(), found }
    }
}

/// All modules that the edges lead to from one.
fn reach(from: &Name, edges: &[Edge]) -> BTreeSet<Name> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(name) = open.pop() {
        let next = edges.iter().filter(|edge| edge.from == *name);
        open.extend(next.filter(|edge| reached.insert(edge.to.clone())).map(|edge| &edge.to));
    }
    reached
}

/// Two modules, lifted to the folder that holds both. None if one of them is in the other.
fn siblings(one: &Name, other: &Name) -> Option<(Name, Name)> {
    let common = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let is_apart = common < one.len().min(other.len());
    is_apart.then(|| (one[..=common].to_vec(), other[..=common].to_vec()))
}

fn name(path: &str) -> Name {
    let words = path.split('/').map(str::to_owned);
    words.filter(|word| !["lib", "main"].contains(&word.as_str())).collect()
}

/// The texts that follow each `use`.
fn uses(code: &str) -> impl Iterator<Item = &str> {
    code.match_indices("use ").filter_map(|(at, found)| {
        let before = code[..at].rsplit('\n').next()?.trim();
        (before.is_empty() || before.starts_with("pub")).then_some(&code[at + found.len()..])
    })
}

fn is_relative(text: &str) -> bool {
    ["crate::", "self::", "super::"].iter().any(|start| text.starts_with(start))
}

/// The texts that begin with a path in the crate.
fn relative(code: &str) -> impl Iterator<Item = &str> {
    let is_inside = |before: char| before.is_alphanumeric() || "_:".contains(before);
    let starts = code.char_indices().map(|(at, _)| at).filter(move |at| !code[..*at].ends_with(is_inside));
    starts.map(|at| &code[at..]).filter(|text| is_relative(text))
}

/// The full paths that a module means by such a text.
fn absolute(module: &Name, text: &str) -> Vec<Name> {
    let (mut base, mut rest) = (module.as_slice(), text.trim_start_matches("self::"));
    if let Some(below) = rest.strip_prefix("crate::") {
        (base, rest) = (&[], below);
    }
    while let Some(above) = rest.strip_prefix("super::") {
        (base, rest) = (&base[..base.len().saturating_sub(1)], above);
    }
    joined(base, rest)
}

/// The paths of a text, below a module.
fn joined(base: &[String], text: &str) -> Vec<Name> {
    let words = |path: &str| {
        let words = path.split("::").filter(|word| !["", "self"].contains(word));
        base.iter().cloned().chain(words.map(str::to_owned)).collect()
    };
    paths(text).iter().map(|path| words(path)).collect()
}

fn under(module: &Name, item: &str) -> Name {
    [module.as_slice(), &[item.to_owned()]].concat()
}

#[test]
fn no_two_modules_know_each_other_in_a_circle() {
    let mut faults = Vec::new();
    for entry in fs::read_dir(crates()).expect("the crates are there").flatten() {
        let (dir, name) = (entry.path().join("src"), entry.file_name().to_string_lossy().into_owned());
        if !dir.exists() {
            continue;
        }
        let modules = Modules::read(&dir);
        assert!(modules.0.len() > 5 || name == "fleet", "{name} has more modules");
        for Circle { modules, found } in modules.circles() {
            faults.push(format!("in {name}: {}\n  {}", modules.join(", "), found.join("\n  ")));
        }
    }
    assert!(faults.is_empty(), "modules know each other in a circle\n{}", faults.join("\n"));
}

/// Modules of `kozmic-edges` that all edges share. Each other module is an edge.
const SHARED: [&str; 7] = ["clock", "private_dir", "secret", "small_file", "tls_fault", "loopback", "room"];

#[test]
fn no_edge_sees_a_sibling() {
    let all = Modules::read(&crates().join("edges/src")).edges();
    let is_edge = |name: &Name| matches!(&name[..], [module] if !SHARED.contains(&module.as_str()));
    let seen = all.iter().filter(|edge| is_edge(&edge.from) && is_edge(&edge.to));
    let seen = seen.map(|edge| &edge.found).collect::<Vec<_>>();
    assert!(all.len() > 100 && seen.is_empty(), "{seen:#?}");
}

#[test]
fn each_module_of_the_store_uses_only_those_above_it() {
    let dir = crates().join("edges/src");
    let all = Modules::read(&dir).edges();
    for folder in ["store", "store/queue"] {
        let listed = modules(&fs::read_to_string(dir.join(format!("{folder}.rs"))).unwrap());
        let place = |module: &Name| {
            let (last, before) = module.split_last()?;
            listed.iter().position(|one| one == last && before == name(folder))
        };
        let places = all.iter().filter_map(|edge| Some((edge, place(&edge.from)?, place(&edge.to)?)));
        let places = places.collect::<Vec<_>>();
        let below = places.iter().filter(|(_, from, to)| from < to).map(|(edge, ..)| &edge.found);
        let below = below.collect::<Vec<_>>();
        assert!(places.len() > 10 && below.is_empty(), "{below:#?}");
    }
}

/// The modules of each circle in made-up files.
fn found<const N: usize>(files: [(&str, &str); N]) -> Vec<Vec<String>> {
    Modules::of(files).circles().into_iter().map(|circle| circle.modules).collect()
}

#[test]
fn two_modules_that_know_each_other_are_a_circle_with_its_files() {
    let files =
        [("lib", "mod a;\nmod b;"), ("a", "use crate::b::{B, C};"), ("b", "fn f() { super::a::g(); }")];
    let circles = Modules::of(files).circles();
    let lines = ["a.rs uses crate::b::B", "a.rs uses crate::b::C", "b.rs uses crate::a::g"];
    let circle = Circle { modules: vec!["a".into(), "b".into()], found: lines.map(str::to_owned).to_vec() };
    assert_eq!(circles, [circle]);
}

#[test]
fn three_modules_in_a_row_that_is_closed_are_one_circle() {
    let files = [
        ("a", "use crate::b::B;"),
        ("b", "use crate::{\n    c::C,\n    d,\n};"),
        ("c", "use super::a;"),
        ("d", "// use crate::a;"),
        ("e", "use crate::{a::A, b::B};"),
    ];
    assert_eq!(found(files), [["a", "b", "c"]]);
}

#[test]
fn modules_in_order_are_no_circle() {
    assert!(found([("a", "use crate::b::B;"), ("b", "use crate::c::C;"), ("c", "use std::fmt;")]).is_empty());
    let in_tests = "#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}";
    assert!(found([("a", "use crate::b::B;"), ("b", in_tests)]).is_empty());
    assert!(
        found([("a", "use crate::b::B;"), ("b/tests", "use crate::a::A;"), ("b", "mod tests;")]).is_empty()
    );
}

#[test]
fn a_module_and_its_folder_are_no_circle() {
    let files = [
        ("a", "mod b;\npub use b::B;\nfn f() { self::b::g(); }"),
        ("a/b", "mod c;\nuse super::A;"),
        ("a/b/c", "use super::super::A;\nuse crate::a::b::B;"),
    ];
    assert!(found(files).is_empty());
}

#[test]
fn folders_whose_files_know_each_other_are_a_circle() {
    let files =
        [("a/one", "use crate::b::two;"), ("b", ""), ("b/three", "use crate::a;"), ("a", ""), ("b/two", "")];
    assert_eq!(found(files), [["a", "b"]]);
}

#[test]
fn an_import_hides_no_circle() {
    let rows = ("store/rows", "use super::page::Page;\npub struct Row;");
    for import in ["pub use rows::Row;", "use self::rows::Row;", "pub(crate) use crate::store::rows::Row;"] {
        let page = ("store/page", "use super::Row;");
        let circles = found([("store", &format!("mod rows;\nmod page;\n{import}")), page, rows]);
        assert_eq!(circles, [["store/page", "store/rows"]], "{import}");
    }
}
