//! Recipes: the configuration repository has one for each branch. They are read from YAML that anybody may have
//! written.
//!
//! A file `<owner>/<repository>/<branch>.yaml` lists the scripts of that branch and the artifact that each of them
//! builds. A file with a fault removes only its own branch from the configuration.

mod definition;
mod fault;
#[cfg(test)]
mod fuzz;
mod labels;
mod meetings;
mod paths;
mod read;
mod tree;
mod yaml;

pub use fault::{RecipeFault, harmless};
pub use read::recipe;
pub use tree::{ConfigFile, Reading, configuration};
pub use yaml::LARGEST;

use crate::{
    artifact::{ArtifactName, Format, Product},
    git::RefAt,
    image::ImageName,
    interruption::IfInterrupted,
    label::Labels,
    spec::{Base, JobSpec, Origin, Program, Task},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The values for keys that a recipe leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeDefaults {
    /// The directory in which artifacts are left; none: each recipe must name it.
    pub archives: Option<String>,
    /// The image that scripts run in.
    pub image: ImageName,
}

/// The configuration repository's recipe for one branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// The scripts, in the order in which the recipe lists them; at least one.
    pub scripts: Vec<BuildScript>,
}

/// A script that builds an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildScript {
    /// The script's path in the repository, without a slash at its beginning.
    pub path: String,
    /// The directory in the container in which the script leaves its artifact; an absolute path.
    pub archives: String,
    /// The artifact's path below that directory.
    pub artifact: String,
    /// The image that it runs in.
    pub image: ImageName,
    /// The word that tells the script's artifact apart from those of other scripts.
    pub tag: Option<String>,
    /// The artifact's kind.
    pub format: Format,
    /// The rule for the script's job if it is interrupted.
    #[serde(default)]
    pub if_interrupted: IfInterrupted,
    /// The labels that the job's runner must have.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// A branch that has a recipe.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Branch {
    /// `owner/name` of the repository, as the configuration repository spells it.
    pub repository: String,
    /// The branch.
    pub branch: String,
}

/// All recipes, from one state of the configuration repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The recipes, by `owner/name`, then by branch.
    pub repositories: BTreeMap<String, BTreeMap<String, Recipe>>,
    /// The plain names that several artifacts claim, in lower case. None of these artifacts gets such a name.
    #[serde(default)]
    pub met: BTreeSet<String>,
}

impl Configuration {
    /// The recipe of a branch. The case of letters matters in branch names, but not in repository names.
    pub fn recipe(&self, full_name: &str, branch: &str) -> Option<&Recipe> {
        let is_meant = |name: &&String| name.eq_ignore_ascii_case(full_name);
        let name = self.repositories.keys().find(is_meant)?;
        self.repositories.get(name)?.get(branch)
    }

    /// All branches, in their order.
    pub fn branches(&self) -> impl Iterator<Item = Branch> + '_ {
        self.repositories.iter().flat_map(|(repository, branches)| {
            branches.keys().map(|branch| Branch { repository: repository.clone(), branch: branch.clone() })
        })
    }
}

impl BuildScript {
    /// The job that a push to the script's branch causes. `met` are the plain names that several artifacts claim.
    pub fn job(&self, full_name: &str, at: RefAt<'_>, met: &BTreeSet<String>) -> JobSpec {
        let name = full_name.rsplit('/').next().unwrap_or(full_name);
        let source = format!("/{name}");
        let tag = self.tag.as_deref();
        let name = ArtifactName::of_recipe(full_name, tag, at, self.format, &self.artifact);
        let product = Product {
            path: self.artifact.clone(),
            format: self.format,
            is_met: met.contains(&name.stable.to_lowercase()),
            name,
            keep: None,
        };
        let program = Program {
            image: self.image.clone(),
            base: Base::Named,
            path: format!("{source}/{}", self.path),
            source,
            before: String::new(),
            arguments: Vec::new(),
            output: self.archives.clone(),
            product,
        };
        JobSpec {
            title: tag.map_or_else(|| self.path.clone(), |tag| format!("{} [{tag}]", self.path)),
            if_interrupted: self.if_interrupted,
            origin: Origin::Recipe { script: self.path.clone(), tag: self.tag.clone() },
            labels: self.labels.clone(),
            task: Task::Program(program),
        }
    }
}
