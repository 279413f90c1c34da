//! Reads all files of the configuration repository together.

use super::{
    Branch, Configuration, Recipe, RecipeDefaults, RecipeFault,
    fault::{At, Faults, harmless, quoted},
    meetings,
};
use crate::{git::is_branch_name, place::is_taken};
use std::collections::BTreeMap;

/// The layout of a recipe's path.
const LAYOUT: &str = "<owner>/<repository>/<branch>.yaml";

/// A file of the configuration repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// The path below the repository's root, with slashes.
    pub path: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// The result of reading the configuration repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The recipes without faults.
    pub configuration: Configuration,
    /// Their branches with their files, in the order of paths.
    pub tracked: Vec<(Branch, String)>,
    /// The faults, in the order of paths and lines.
    pub faults: Vec<RecipeFault>,
}

/// Reads all files of the configuration repository. Skips files that are not YAML, and files whose names or directories
/// begin with a dot.
///
/// If files spell a repository in different cases of letters, it is the same repository, and the first file's spelling
/// is used.
pub fn configuration(files: &[ConfigFile], defaults: &RecipeDefaults) -> Reading {
    let mut files = files.iter().collect::<Vec<_>>();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut reader = Reader { defaults, spellings: BTreeMap::new(), seen: BTreeMap::new() };
    let mut reading = Reading::default();
    for file in files {
        match reader.file(file) {
            Ok(Some((branch, recipe))) => reading.add(branch, recipe, &file.path),
            Ok(None) => {}
            Err(faults) => reading.faults.extend(faults),
        }
    }
    meetings::note(&mut reading.configuration);
    reading
}

impl Reading {
    /// The report in lines. Each file has its branch or its faults, in the order of paths. Then the artifacts with
    /// equal names follow, and a summary.
    pub fn lines(&self) -> Vec<String> {
        self.lines_with(false)
    }

    /// The same report, with the name of each artifact.
    pub fn lines_with_names(&self) -> Vec<String> {
        self.lines_with(true)
    }

    fn lines_with(&self, each_name: bool) -> Vec<String> {
        let width =
            self.tracked.iter().map(|(_, path)| harmless(path).chars().count()).max().unwrap_or_default();
        let tracked =
            self.tracked.iter().map(|(branch, path)| (path, self.tracked_line(branch, path, width)));
        let faults = self.faults.iter().map(|fault| (&fault.path, fault.to_string()));
        let mut lines = tracked.chain(faults).collect::<Vec<_>>();
        // Faults of one file keep their order.
        lines.sort_by_key(|(path, _)| *path);
        let names = meetings::lines(&self.configuration, &self.tracked, each_name);
        lines.into_iter().map(|(_, line)| line).chain(names).chain([self.summary()]).collect()
    }

    /// A line with the number of tracked branches and the number of faults.
    pub fn summary(&self) -> String {
        if self.tracked.is_empty() && self.faults.is_empty() {
            return format!("No recipes: no file is called {LAYOUT}.");
        }
        let mut paths = self.faults.iter().map(|fault| fault.path.as_str()).collect::<Vec<_>>();
        paths.dedup();
        let faults = match self.faults.len() {
            0 => "no faults".to_owned(),
            count => {
                format!("{} in {}", number(count, "fault", "faults"), number(paths.len(), "file", "files"))
            }
        };
        let branches = number(self.tracked.len(), "branch", "branches");
        let repositories = number(self.configuration.repositories.len(), "repository", "repositories");
        format!("{branches} of {repositories}, {faults}")
    }

    fn tracked_line(&self, Branch { repository, branch }: &Branch, path: &str, width: usize) -> String {
        let recipe = self.configuration.recipe(repository, branch);
        let scripts = number(recipe.map_or(0, |recipe| recipe.scripts.len()), "script", "scripts");
        let [path, repository, branch] = [path, repository, branch].map(harmless);
        format!("ok  {path:width$}  → {repository} {branch} ({scripts})")
    }

    fn add(&mut self, branch: Branch, recipe: Recipe, path: &str) {
        let branches = self.configuration.repositories.entry(branch.repository.clone()).or_default();
        branches.insert(branch.branch.clone(), recipe);
        self.tracked.push((branch, path.to_owned()));
    }
}

fn number(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Reads files in the order of their paths.
struct Reader<'a> {
    defaults: &'a RecipeDefaults,
    /// The spelling of a repository in its first file, by its name in lower case.
    spellings: BTreeMap<String, String>,
    /// The first file of each branch.
    seen: BTreeMap<Branch, &'a str>,
}

impl<'a> Reader<'a> {
    /// The recipe in a file; none if the file is skipped.
    fn file(&mut self, file: &'a ConfigFile) -> Result<Option<(Branch, Recipe)>, Vec<RecipeFault>> {
        let wrong = |sentence: String| {
            let mut faults = Faults::of(&file.path);
            faults.add(At::START, sentence);
            faults.unless_any(None)
        };
        let named = match branch(&file.path) {
            Ok(Some(named)) => named,
            Ok(None) => return Ok(None),
            Err(sentence) => return wrong(sentence),
        };
        let lower = named.repository.to_ascii_lowercase();
        let repository = self.spellings.entry(lower).or_insert(named.repository).clone();
        let branch = Branch { repository, branch: named.branch };
        if let Some(first) = self.seen.get(&branch) {
            let first = quoted(first);
            return wrong(format!(
                "This is the branch of {first} once more: the forge makes no difference between cases."
            ));
        }
        self.seen.insert(branch.clone(), &file.path);
        let recipe = super::recipe(&file.path, &file.content, self.defaults)?;
        Ok(Some((branch, recipe)))
    }
}

/// The branch of a file, as the path spells it; none if the file is skipped.
fn branch(path: &str) -> Result<Option<Branch>, String> {
    let is_hidden = path.split('/').any(|part| part.starts_with('.'));
    let Some((stem, extension)) = path.rsplit_once('.').filter(|_| !is_hidden) else { return Ok(None) };
    if !["yaml", "yml"].iter().any(|known| extension.eq_ignore_ascii_case(known)) {
        return Ok(None);
    }
    let mut parts = stem.splitn(3, '/');
    let (Some(owner), Some(name), Some(branch)) = (parts.next(), parts.next(), parts.next()) else {
        return match extension {
            "yaml" => Err(format!("The file stands where no recipe does: a recipe's path is {LAYOUT}.")),
            _ => Ok(None),
        };
    };
    if extension != "yaml" {
        return Err(format!("The file is named .{extension}: rename it to .yaml, or it is no recipe."));
    }
    for (what, text) in [("an owner", owner), ("a repository", name)] {
        if !is_name(text) {
            let text = quoted(text);
            return Err(format!("{text} is not the name of {what}: use letters, digits, and . _ -"));
        }
    }
    if is_taken(name) {
        return Err(format!(
            "A job would have this repository in /{name}, which is a directory of the system: give it another name."
        ));
    }
    match is_branch_name(branch) {
        true => Ok(Some(Branch { repository: format!("{owner}/{name}"), branch: branch.to_owned() })),
        false => Err(format!("{} is not a branch's name that Git takes.", quoted(branch))),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-'))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const GOOD: &str = "buildscripts: [a.sh]\na.sh: {archives: /x, artifact: a.tgz}\n";

    pub(in crate::recipe) fn read(files: &[(&str, &str)]) -> Reading {
        let file = |(path, text): &(&str, &str)| ConfigFile {
            path: (*path).to_owned(),
            content: text.as_bytes().to_vec(),
        };
        let defaults = RecipeDefaults { archives: None, image: "ubuntu:16.04".parse().unwrap() };
        configuration(&files.iter().map(file).collect::<Vec<_>>(), &defaults)
    }

    #[test]
    fn a_bad_file_takes_only_its_branch_out() {
        let reading = read(&[
            ("zero-os/0-core/feature/x.yaml", GOOD),
            ("zero-os/0-core/main.yaml", GOOD),
            ("zero-os/0-fs/main.yaml", "a: [\n"),
            ("README.md", "# Recipes"),
        ]);
        assert!(reading.configuration.recipe("Zero-OS/0-Core", "feature/x").is_some());
        assert!(reading.configuration.recipe("zero-os/0-fs", "main").is_none());
        let names = reading.lines_with_names();
        assert_eq!(names[3], "name  zero-os/0-core/feature/x.yaml  a.sh → zero-os-0-core-feature-x.flist");
        assert_eq!(
            reading.lines(),
            [
                "ok  zero-os/0-core/feature/x.yaml  → zero-os/0-core feature/x (1 script)",
                "ok  zero-os/0-core/main.yaml       → zero-os/0-core main (1 script)",
                "zero-os/0-fs/main.yaml:1:4: This cannot be read as YAML: unclosed bracket '['.",
                "2 branches of 1 repository, 1 fault in 1 file",
            ]
        );
    }

    #[test]
    fn files_at_odd_places_are_told_or_passed_over() {
        let reading = read(&[
            (".github/workflows/check.yaml", "a"),
            ("o/.r/main.yaml", "a"),
            ("o/r/.hidden.yaml", "a"),
            ("mkdocs.yml", "a"),
            ("o/r/README.md", "a"),
            ("main.yaml", GOOD),
            ("o/main.yaml", GOOD),
            ("o/r/main.yml", GOOD),
            ("o/r/main.YAML", GOOD),
            ("o ü/r/main.yaml", GOOD),
            ("o/r\u{1b}[2J/main.yaml", GOOD),
            ("o/r/a..b.yaml", GOOD),
            ("o/r/ma in.yaml", GOOD),
            ("o/proc/main.yaml", GOOD),
        ]);
        assert_eq!(
            reading.lines(),
            [
                "main.yaml:1:1: The file stands where no recipe does: a recipe's path is \
                 <owner>/<repository>/<branch>.yaml.",
                "o ü/r/main.yaml:1:1: \"o ü\" is not the name of an owner: use letters, digits, and . _ -",
                "o/main.yaml:1:1: The file stands where no recipe does: a recipe's path is \
                 <owner>/<repository>/<branch>.yaml.",
                "o/proc/main.yaml:1:1: A job would have this repository in /proc, which is a directory of the system: \
                 give it another name.",
                "o/r\\u{1b}[2J/main.yaml:1:1: \"r\\u{1b}[2J\" is not the name of a repository: use letters, digits, \
                 and . _ -",
                "o/r/a..b.yaml:1:1: \"a..b\" is not a branch's name that Git takes.",
                "o/r/ma in.yaml:1:1: \"ma in\" is not a branch's name that Git takes.",
                "o/r/main.YAML:1:1: The file is named .YAML: rename it to .yaml, or it is no recipe.",
                "o/r/main.yml:1:1: The file is named .yml: rename it to .yaml, or it is no recipe.",
                "0 branches of 0 repositories, 9 faults in 9 files",
            ]
        );
    }

    #[test]
    fn a_repository_is_one_in_any_case_of_letters() {
        let reading = read(&[
            ("zero-os/0-core/next.yaml", GOOD),
            ("Zero-OS/0-core/Main.yaml", GOOD),
            ("Zero-OS/0-core/main.yaml", GOOD),
            ("zero-os/0-Core/main.yaml", GOOD),
        ]);
        let told = reading.lines();
        let is_of_names = |line: &&String| line.starts_with("name") || line.starts_with("meet");
        assert_eq!(told.iter().filter(is_of_names).count(), 3, "two names meet: {told:?}");
        assert_eq!(
            told.iter().filter(|line| !is_of_names(line)).collect::<Vec<_>>(),
            [
                "ok  Zero-OS/0-core/Main.yaml  → Zero-OS/0-core Main (1 script)",
                "ok  Zero-OS/0-core/main.yaml  → Zero-OS/0-core main (1 script)",
                "zero-os/0-Core/main.yaml:1:1: This is the branch of \"Zero-OS/0-core/main.yaml\" once more: the \
                 forge makes no difference between cases.",
                "ok  zero-os/0-core/next.yaml  → Zero-OS/0-core next (1 script)",
                "3 branches of 1 repository, 1 fault in 1 file",
            ]
        );
        let listed = reading.configuration.branches().collect::<Vec<_>>();
        assert!(reading.tracked.iter().all(|(branch, _)| listed.contains(branch)));
    }

    #[test]
    fn columns_are_as_wide_as_what_is_shown() {
        let told = read(&[("o/r/a\u{200b}b.yaml", GOOD), ("o/r/main.yaml", GOOD)]).lines();
        assert_eq!(told[0], "ok  o/r/a\\u{200b}b.yaml  → o/r a\\u{200b}b (1 script)");
        assert_eq!(told[1], "ok  o/r/main.yaml        → o/r main (1 script)");
    }

    #[test]
    fn a_tree_without_recipes_says_how_one_is_called() {
        assert_eq!(read(&[]).lines(), ["No recipes: no file is called <owner>/<repository>/<branch>.yaml."]);
        assert_eq!(read(&[("o/r/a.yaml", GOOD)]).summary(), "1 branch of 1 repository, no faults");
    }
}
