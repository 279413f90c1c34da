//! Finds names that several branches' artifacts would share.

use super::{Branch, BuildScript, Configuration, fault::harmless};
use crate::{
    artifact::{ArtifactName, Format},
    git::{GitRef, RefAt, Sha},
    names::Wish,
};
use std::collections::{BTreeMap, BTreeSet};

/// An artifact of a branch, with the request for its stable name.
struct Named<'a> {
    branch: &'a Branch,
    path: &'a str,
    script: &'a BuildScript,
    wish: Wish,
}

/// Stores the plain names that more than one artifact claims. They are in lower case, because some destinations ignore
/// the case of letters.
pub(super) fn note(configuration: &mut Configuration) {
    let branches = configuration.branches().collect::<Vec<_>>();
    let tracked = branches.into_iter().map(|branch| (branch, String::new())).collect::<Vec<_>>();
    configuration.met.clear();
    let mut seen = BTreeMap::<_, BTreeSet<_>>::new();
    for named in all(configuration, &tracked).filter(|named| named.wish.is_certain) {
        let Wish { owner, plain, .. } = named.wish;
        seen.entry((is_for_hub(named.script), plain.to_lowercase())).or_default().insert((owner, plain));
    }
    let met = seen.into_iter().filter(|(_, claims)| claims.len() > 1).map(|((_, name), _)| name);
    configuration.met = met.collect();
}

/// A line for each artifact whose plain name another artifact claims too; with `each`, a line for each artifact. Then a
/// line for each name that no artifact gets because several claim it.
pub(super) fn lines(configuration: &Configuration, tracked: &[(Branch, String)], each: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut met = BTreeMap::<_, Vec<_>>::new();
    let mut alike = BTreeMap::<_, BTreeSet<_>>::new();
    for Named { script, wish, .. } in all(configuration, tracked) {
        let key = (is_for_hub(script), wish.plain.to_lowercase());
        alike.entry(key).or_default().insert((wish.owner, wish.plain));
    }
    for Named { branch: Branch { repository, branch }, path, script, wish } in all(configuration, tracked) {
        let is_alone =
            alike.get(&(is_for_hub(script), wish.plain.to_lowercase())).is_none_or(|all| all.len() < 2);
        if each || !is_alone {
            let (path, script, name) = (harmless(path), harmless(&script.path), wish.first());
            lines.push(format!("name  {path}  {script} → {name}"));
        }
        let key = wish.plain.to_lowercase();
        if configuration.met.contains(&key) {
            met.entry(key).or_default().push(format!("{} {}", harmless(repository), harmless(branch)));
        }
    }
    let meeting = |(name, branches): (String, Vec<String>)| {
        let branches = branches.join(", ");
        format!("meet  {branches}: {name} would be all of theirs, so it is only whose it is already")
    };
    lines.extend(met.into_iter().map(meeting));
    lines
}

fn all<'a>(
    configuration: &'a Configuration,
    tracked: &'a [(Branch, String)],
) -> impl Iterator<Item = Named<'a>> {
    let sha = "0".repeat(40).parse::<Sha>().expect("forty digits are a commit's id");
    tracked.iter().flat_map(move |(branch, path)| {
        let sha = sha.clone();
        let recipe = configuration.recipe(&branch.repository, &branch.branch);
        let scripts = recipe.map(|recipe| recipe.scripts.as_slice()).unwrap_or_default();
        scripts.iter().map(move |script| {
            let wish = wish(configuration, branch, script, &sha);
            Named { branch, path, script, wish }
        })
    })
}

fn wish(configuration: &Configuration, branch: &Branch, script: &BuildScript, sha: &Sha) -> Wish {
    let git_ref = GitRef::Branch(branch.branch.clone());
    let at = RefAt { git_ref: &git_ref, sha };
    let spec = script.job(&branch.repository, at, &configuration.met);
    let none = || ArtifactName { versioned: String::new(), stable: String::new() };
    let name = spec.task.product().map_or_else(none, |product| product.name.clone());
    let [link, _] = spec.wishes(&branch.repository, at, &name);
    link
}

fn is_for_hub(script: &BuildScript) -> bool {
    script.format == Format::Flist
}

#[cfg(test)]
mod tests {
    use super::super::{Reading, tree::tests::read};
    use std::collections::BTreeSet;

    const RECIPE: &str = "buildscripts: [a.sh]\na.sh: {archives: /x, artifact: a.tgz}\n";

    fn names(reading: &Reading) -> Vec<String> {
        let name =
            |line: &String| line.starts_with("name").then(|| line.rsplit(' ').next().map(str::to_owned))?;
        reading.lines_with_names().iter().filter_map(name).collect()
    }

    #[test]
    fn branches_that_leave_the_same_letters_have_names_of_their_own() {
        // The last two look the same to people: one is a composed character, the other is not.
        let branches = ["feature-x", "feature/x", "фича", "тест", "caf\u{e9}", "cafe\u{301}"];
        let paths = branches.map(|branch| format!("o/r/{branch}.yaml"));
        let reading = read(&paths.each_ref().map(|path| (path.as_str(), RECIPE)));
        let mut names = names(&reading);
        assert!(names.iter().all(|name| name.contains("..")), "{names:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), branches.len(), "{names:?}");
        assert_eq!(reading.configuration.met, BTreeSet::from(["o-r-feature-x.flist".to_owned()]));
        let told = reading.lines();
        let told = told.iter().filter(|line| line.starts_with("name")).count();
        assert_eq!(told, 4, "two pairs are alike: {:?}", reading.lines());
    }

    #[test]
    fn a_name_that_two_would_have_is_nobodys() {
        let tagged = RECIPE.replace("a.tgz", "a.tgz, tag: next");
        let reading = read(&[
            ("a-b/c/main.yaml", RECIPE),
            ("a/b-c/main.yaml", RECIPE),
            ("a/d/Main.yaml", RECIPE),
            ("a/d/main.yaml", RECIPE),
            ("a/e/main.yaml", &tagged),
            ("a/e/next-main.yaml", RECIPE),
            ("a/f/main.yaml", RECIPE),
        ]);
        let plain = names(&reading).into_iter().filter(|name| !name.contains("..")).collect::<Vec<_>>();
        assert_eq!(plain, ["a-f-main.flist"]);
        let lines = reading.lines();
        let met = lines.iter().filter(|line| line.starts_with("meet")).collect::<Vec<_>>();
        assert_eq!(met.len(), 3, "{lines:#?}");
        assert!(met[0].starts_with("meet  a-b/c main, a/b-c main: a-b-c-main.flist would be"), "{}", met[0]);
    }
}
