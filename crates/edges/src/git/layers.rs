//! The objects of a job's repository: those that its refs reach, and no others.
//!
//! A mirror has more: deleted branches, overwritten commits, strangers' pull requests. Collecting the reachable objects
//! takes longer the longer a history is. Most jobs share the history of the default branch and of the tags. So that
//! history is kept as packs in *layers*: each layer has the objects that its tips reach and the layers below do not. A
//! job gets the layers whose tips its own refs reach, and one or two packs with the rest. When the rest of the shared
//! history grows, it becomes a layer.

use super::{Git, GitError, refs::Tips};
use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The number of objects that are collected for each job instead of kept in a layer.
const FEW: u32 = 2_000;

/// The file that lists the layers, the lowest first, one a line: the pack's name, its number of objects, and its tips.
const LIST: &str = "list";

/// The layers of one mirror. The caller holds the mirror's lock for packing.
pub(super) struct Layers<'a> {
    git: &'a Git,
    dir: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Layer {
    pack: String,
    objects: u32,
    tips: Vec<String>,
}

/// A pack in a directory.
struct Pack {
    name: String,
    objects: u32,
}

impl<'a> Layers<'a> {
    pub(super) fn of(git: &'a Git, mirror: &Path) -> Self {
        Self { git, dir: mirror.join("layers") }
    }

    /// Puts packs with everything that the trunk reaches into the directory `to`.
    pub(super) async fn trunk(&self, tips: &Tips, to: &Path) -> Result<(), GitError> {
        let io = GitError::io("pack-objects");
        let mut layers = self.read();
        let usable = self.usable(&layers, &tips.trunk).await?;
        let rest = pack(self.git, &tips.trunk, below(&layers[..usable]), to).await?;
        layers.truncate(usable);
        let Some(mut top) = rest.filter(|rest| rest.objects > FEW) else {
            return self.link(&layers, to).map_err(io);
        };
        layers.truncate(kept(&layers, top.objects));
        if layers.len() < usable {
            unlink(to, &top.name).map_err(&io)?;
            let larger = pack(self.git, &tips.trunk, below(&layers), to).await?;
            top = larger.unwrap_or(top);
        }
        self.link(&layers, to).map_err(&io)?;
        layers.push(Layer { pack: top.name, objects: top.objects, tips: tips.trunk.clone() });
        self.keep(&layers, to).map_err(io)
    }

    /// The number of layers, from the lowest, that contain only objects that these tips reach.
    async fn usable(&self, layers: &[Layer], tips: &[String]) -> Result<usize, GitError> {
        let tips = tips.iter().map(String::as_str).collect::<HashSet<_>>();
        for (below, layer) in layers.iter().enumerate().rev() {
            if reach(self.git, &tips, layer).await? {
                return Ok(below + 1);
            }
        }
        Ok(0)
    }

    /// Reads the list. An unreadable list counts as empty: all layers can be made again.
    fn read(&self) -> Vec<Layer> {
        let list = fs::read_to_string(self.dir.join(LIST)).unwrap_or_default();
        list.lines()
            .map_while(Layer::parse)
            .take_while(|layer| self.dir.join(file(&layer.pack, "idx")).exists())
            .collect()
    }

    /// Keeps the pack of the topmost layer, which is in `from`, and deletes all packs that no layer has any more.
    fn keep(&self, layers: &[Layer], from: &Path) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        if let Some(top) = layers.last() {
            link(from, &top.pack, &self.dir)?;
        }
        let begun = self.dir.join("list.begun");
        fs::write(&begun, layers.iter().map(Layer::line).collect::<String>())?;
        fs::rename(begun, self.dir.join(LIST))?;
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let is_known = |layer: &Layer| path.file_stem().is_some_and(|stem| stem == layer.pack.as_str());
            if !path.ends_with(LIST) && !layers.iter().any(is_known) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn link(&self, layers: &[Layer], to: &Path) -> io::Result<()> {
        layers.iter().try_for_each(|layer| link(&self.dir, &layer.pack, to))
    }
}

impl Layer {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (pack, objects) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
        Some(Self { pack, objects, tips: words.map(str::to_owned).collect() })
    }

    fn line(&self) -> String {
        format!("{} {} {}\n", self.pack, self.objects, self.tips.join(" "))
    }
}

/// Puts a pack with the objects that a job's refs reach beyond the trunk into the directory `to`.
pub(super) async fn beyond_trunk(git: &Git, tips: &Tips, to: &Path) -> Result<(), GitError> {
    let trunk = tips.trunk.iter().map(String::as_str).collect::<HashSet<_>>();
    if tips.all.iter().all(|tip| trunk.contains(tip.as_str())) {
        return Ok(());
    }
    pack(git, &tips.all, &tips.trunk, to).await.map(drop)
}

/// The number of layers that stay when a layer with this number of objects is added. A layer that is not twice as large
/// as the one above it is merged with that one. So there are few layers, and a large one is seldom made again.
fn kept(layers: &[Layer], mut objects: u32) -> usize {
    let mut kept = layers.len();
    while kept > 0 && layers[kept - 1].objects / 2 < objects {
        kept -= 1;
        objects = objects.saturating_add(layers[kept].objects);
    }
    kept
}

/// The tips that reach everything in the layers: those of the topmost one.
fn below(layers: &[Layer]) -> &[String] {
    layers.last().map_or(&[], |layer| &layer.tips)
}

/// True if the tips reach everything in a layer.
async fn reach(git: &Git, tips: &HashSet<&str>, layer: &Layer) -> Result<bool, GitError> {
    let other = layer.tips.iter().filter(|tip| !tips.contains(tip.as_str()));
    let mut question = other.map(|tip| format!("{tip}\n")).collect::<String>();
    if question.is_empty() {
        return Ok(true);
    }
    question.extend(tips.iter().map(|tip| format!("^{tip}\n")));
    match ask(git, "rev-list", &["--max-count=1", "--stdin"], question).await {
        Ok(unreached) => Ok(unreached.is_empty()),
        // A tip does not exist any more.
        Err(GitError::Failed { .. }) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Packs the objects that `tips` reach and `without` do not reach. Deltas are reused from the mirror, and no new ones
/// are searched. None if there is nothing to pack.
async fn pack(git: &Git, tips: &[String], without: &[String], to: &Path) -> Result<Option<Pack>, GitError> {
    let io = GitError::io("pack-objects");
    let question = tips.iter().map(|tip| format!("{tip}\n"));
    let question = question.chain(without.iter().map(|tip| format!("^{tip}\n"))).collect();
    let base = to.join("pack").display().to_string();
    let options = ["--revs", "--non-empty", "--quiet", "--delta-base-offset", "--window=0", &base];
    let name = ask(git, "pack-objects", &options, question).await?;
    if name.is_empty() {
        return Ok(None);
    }
    let name = format!("pack-{name}");
    let objects = count(&to.join(file(&name, "pack"))).map_err(io)?;
    Ok(Some(Pack { name, objects }))
}

/// Runs git with an input, and returns its answer.
async fn ask(git: &Git, what: &'static str, options: &[&str], question: String) -> Result<String, GitError> {
    let io = GitError::io(what);
    let fixed = ["-c", "pack.writeReverseIndex=false", what];
    let arguments = fixed.iter().chain(options);
    let talk = async |mut input: tokio::process::ChildStdin, mut output: tokio::process::ChildStdout| {
        input.write_all(question.as_bytes()).await.map_err(&io)?;
        drop(input);
        let mut answer = String::new();
        output.read_to_string(&mut answer).await.map_err(&io)?;
        Ok(answer.trim().to_owned())
    };
    git.converse(what, arguments, talk).await
}

/// The number of objects in a pack, from its header.
fn count(pack: &Path) -> io::Result<u32> {
    let mut head = [0; 12];
    File::open(pack)?.read_exact(&mut head)?;
    Ok(u32::from_be_bytes([head[8], head[9], head[10], head[11]]))
}

fn file(pack: &str, kind: &str) -> String {
    format!("{pack}.{kind}")
}

/// Links a pack. The index is last, because git finds a pack by it.
fn link(from: &Path, pack: &str, to: &Path) -> io::Result<()> {
    for name in [file(pack, "pack"), file(pack, "idx")] {
        match fs::hard_link(from.join(&name), to.join(&name)) {
            Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => return Err(fault),
            _ => {}
        }
    }
    Ok(())
}

fn unlink(dir: &Path, pack: &str) -> io::Result<()> {
    fs::remove_file(dir.join(file(pack, "idx")))?;
    fs::remove_file(dir.join(file(pack, "pack")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        collections::BTreeSet,
        fmt::Write as _,
        io::Write as _,
        process::{Command, Stdio},
    };

    /// A mirror in its own directory.
    struct Repository(tempfile::TempDir);

    impl Repository {
        fn new() -> Self {
            let repository = Self(tempfile::tempdir().unwrap());
            repository.git(&["init", "--quiet", "--bare", "."], "");
            repository
        }

        fn git(&self, arguments: &[&str], input: &str) -> String {
            let mut command = Command::new("git");
            command.arg("-C").arg(self.0.path()).args(arguments);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        }

        /// Adds this number of commits to a branch, of three objects each, and returns the last one.
        fn grow(&self, branch: &str, count: u32) -> String {
            let mut stream = String::new();
            let name = format!("refs/heads/{branch}");
            let mut question = Command::new("git");
            question.arg("-C").arg(self.0.path()).args(["rev-parse", "--verify", &name]);
            let from = question.output().unwrap().status.success();
            for number in 0..count {
                let text = format!("{branch} {number} {}", if from { "more" } else { "" });
                write!(stream, "commit {name}\ncommitter A <a@b> {number} +0000\ndata 0\n").unwrap();
                if number == 0 && from {
                    writeln!(stream, "from {name}^0").unwrap();
                }
                write!(stream, "M 644 inline file\ndata {}\n{text}\n", text.len()).unwrap();
            }
            self.git(&["fast-import", "--quiet", "--force"], &stream);
            self.git(&["rev-parse", &name], "")
        }

        /// The number of a job's packs. Checks that they contain the reachable objects and nothing else.
        async fn packed(&self, trunk: &[&str], more: &[&str]) -> usize {
            let to = tempfile::tempdir_in(self.0.path()).unwrap();
            let git = Git::new(self.0.path());
            let owned = |tips: &[&str]| tips.iter().map(|tip| (*tip).to_owned()).collect::<Vec<_>>();
            let tips = Tips { trunk: owned(trunk), all: owned(&[trunk, more].concat()) };
            Layers::of(&git, self.0.path()).trunk(&tips, to.path()).await.unwrap();
            beyond_trunk(&git, &tips, to.path()).await.unwrap();
            let (mut there, mut packs) = (BTreeSet::new(), 0);
            for entry in fs::read_dir(to.path()).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|kind| kind == "idx") {
                    let listing = self.git(&["verify-pack", "-v", path.to_str().unwrap()], "");
                    let is_object =
                        |line: &&str| line.len() > 40 && !line.contains(' ') || line.find(' ') == Some(40);
                    there.extend(listing.lines().filter(is_object).map(|line| line[..40].to_owned()));
                    packs += 1;
                }
            }
            let all = [&["rev-list", "--objects", "--no-object-names"][..], trunk, more].concat();
            let reachable = self.git(&all, "").lines().map(str::to_owned).collect::<BTreeSet<_>>();
            assert_eq!(there, reachable);
            packs
        }

        fn layers(&self) -> Vec<u32> {
            let git = Git::new(self.0.path());
            Layers::of(&git, self.0.path()).read().iter().map(|layer| layer.objects).collect()
        }
    }

    #[tokio::test]
    async fn what_jobs_have_in_common_is_kept_and_what_one_has_alone_is_not() {
        let repository = Repository::new();
        let main = repository.grow("main", 1_000);
        let pull = repository.grow("pull", 900);
        assert_eq!(repository.packed(&[&main], &[&pull]).await, 2);
        assert_eq!(repository.layers(), [3_000]);
        let newer = repository.grow("main", 1);
        assert_eq!(repository.packed(&[&newer], &[]).await, 2);
        assert_eq!(repository.layers(), [3_000], "a little more is no layer");
        let newer = repository.grow("main", 800);
        repository.packed(&[&newer], &[]).await;
        // The first commit of the 800 has the same file as the commit before it, so its tree and its file are no new
        // objects.
        let all = 3 * (1_000 + 1 + 800) - 2;
        assert_eq!(
            repository.layers(),
            [all],
            "a layer that is nearly as large goes into one with the other"
        );
        let packs = fs::read_dir(repository.0.path().join("layers")).unwrap().count();
        assert_eq!(packs, 3, "the list, and one pack with its index");
    }

    #[tokio::test]
    async fn a_layer_with_what_was_pushed_over_is_in_no_job_any_more() {
        let repository = Repository::new();
        let first = repository.grow("main", 10);
        let second = repository.grow("main", 1_000);
        assert_eq!(repository.packed(&[&second], &[]).await, 1);
        assert_eq!(repository.packed(&[&first], &[]).await, 1);
        let other = repository.grow("other", 1_000);
        repository.packed(&[&first, &other], &[]).await;
        assert_eq!(repository.layers(), [3_030]);
        assert_eq!(repository.packed(&[&first, &other], &[]).await, 1);
    }

    #[tokio::test]
    async fn a_small_repository_has_no_layers_and_an_empty_one_no_packs() {
        let repository = Repository::new();
        assert_eq!(repository.packed(&[], &[]).await, 0);
        let main = repository.grow("main", 1);
        assert_eq!(repository.packed(&[&main], &[]).await, 1);
        assert!(repository.layers().is_empty());
    }

    #[test]
    fn layers_are_few() {
        let layer = |objects| Layer { pack: String::new(), objects, tips: Vec::new() };
        assert_eq!(kept(&[layer(100_000), layer(10_000)], 3_000), 2);
        assert_eq!(kept(&[layer(100_000), layer(10_000)], 6_000), 1);
        assert_eq!(kept(&[layer(30_000), layer(10_000)], 6_000), 0);
        assert_eq!(kept(&[], u32::MAX), 0);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_no_layer() {
        let layer = Layer { pack: "pack-1".into(), objects: 7, tips: vec!["a".into(), "b".into()] };
        assert_eq!(Layer::parse(layer.line().trim_end()), Some(layer));
        assert_eq!(Layer::parse("pack-1 seven a"), None);
        assert_eq!(Layer::parse(""), None);
    }
}
