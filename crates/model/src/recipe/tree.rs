//! All files of the configuration repository together.

use super::{Branch, Configuration, Recipe, RecipeDefaults, RecipeFault};

/// A file of the configuration repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// Below the repository's root, with slashes.
    pub path: String,
    /// What is in it.
    pub content: Vec<u8>,
}

/// What reading the configuration repository came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What is right.
    pub configuration: Configuration,
    /// The branches of it with their files, in the files' order.
    pub tracked: Vec<(Branch, String)>,
    /// What is wrong, in the order of files and lines.
    pub faults: Vec<RecipeFault>,
}

/// Reads all files of the configuration repository. Those that are no YAML, and those in directories that begin with
/// a dot, are passed over.
pub fn configuration(files: &[ConfigFile], defaults: &RecipeDefaults) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        let Some((owner, rest)) = file.path.split_once('/') else { continue };
        let Some((name, branch)) = rest.split_once('/') else { continue };
        let Some(branch) = branch.strip_suffix(".yaml") else { continue };
        match super::recipe(&file.path, &file.content, defaults) {
            Ok(recipe) => reading.add((format!("{owner}/{name}"), branch), recipe, &file.path),
            Err(faults) => reading.faults.extend(faults),
        }
    }
    reading
}

impl Reading {
    fn add(&mut self, (repository, branch): (String, &str), recipe: Recipe, path: &str) {
        let branch = branch.to_owned();
        let branches = self.configuration.repositories.entry(repository.clone()).or_default();
        branches.insert(branch.clone(), recipe);
        self.tracked.push((Branch { repository, branch }, path.to_owned()));
    }
}
