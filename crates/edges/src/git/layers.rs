//! The objects that a job's repository has: those that its refs reach, and no others.
//!
//! A mirror holds more: branches that were deleted, commits that were pushed over, strangers' pull requests. Gathering
//! what is reachable takes the longer the longer a history is, so what most jobs have in common, the history of the
//! default branch and of the tags, is kept as packs in *layers*: each holds what its tips reach and the layers below it
//! do not. A job gets the layers whose tips its own refs reach, and one or two packs with the rest. When the rest of the
//! common history grows, it becomes a layer.

use super::{Git, GitError, refs::Tips};
use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Number of objects that are gathered anew for each job rather than kept.
const FEW: u32 = 2_000;

/// Lists the layers, the lowest first, a line each: the pack's name, how many objects it has, and its tips.
const LIST: &str = "list";

/// The layers of one mirror. Its caller holds the mirror's lock for packing.
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

    /// Puts packs into the directory `to` with all that the trunk reaches.
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

    /// Number of layers, from the lowest, that hold nothing but what these tips reach.
    async fn usable(&self, layers: &[Layer], tips: &[String]) -> Result<usize, GitError> {
        let tips = tips.iter().map(String::as_str).collect::<HashSet<_>>();
        for (below, layer) in layers.iter().enumerate().rev() {
            if reach(self.git, &tips, layer).await? {
                return Ok(below + 1);
            }
        }
        Ok(0)
    }

    /// A list that cannot be read is as good as none: all of it can be made anew.
    fn read(&self) -> Vec<Layer> {
        let list = fs::read_to_string(self.dir.join(LIST)).unwrap_or_default();
        list.lines()
            .map_while(Layer::parse)
            .take_while(|layer| self.dir.join(file(&layer.pack, "idx")).exists())
            .collect()
    }

    /// Keeps the topmost layer's pack, which is in `from`, and forgets all packs that no layer has any more.
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

/// Puts a pack into the directory `to` with what a job's refs reach beyond the trunk.
pub(super) async fn beyond_trunk(git: &Git, tips: &Tips, to: &Path) -> Result<(), GitError> {
    let trunk = tips.trunk.iter().map(String::as_str).collect::<HashSet<_>>();
    if tips.all.iter().all(|tip| trunk.contains(tip.as_str())) {
        return Ok(());
    }
    pack(git, &tips.all, &tips.trunk, to).await.map(drop)
}

/// Number of layers that stay when one with so many objects is put on them: a layer that is not twice as large as the one
/// above it goes into that. So there are few, and a large one is seldom made anew.
fn kept(layers: &[Layer], mut objects: u32) -> usize {
    let mut kept = layers.len();
    while kept > 0 && layers[kept - 1].objects / 2 < objects {
        kept -= 1;
        objects = objects.saturating_add(layers[kept].objects);
    }
    kept
}

/// The tips that reach all that layers hold: those of the topmost one.
fn below(layers: &[Layer]) -> &[String] {
    layers.last().map_or(&[], |layer| &layer.tips)
}

/// Whether the tips reach all of a layer's.
async fn reach(git: &Git, tips: &HashSet<&str>, layer: &Layer) -> Result<bool, GitError> {
    let other = layer.tips.iter().filter(|tip| !tips.contains(tip.as_str()));
    let mut question = other.map(|tip| format!("{tip}\n")).collect::<String>();
    if question.is_empty() {
        return Ok(true);
    }
    question.extend(tips.iter().map(|tip| format!("^{tip}\n")));
    match ask(git, "rev-list", &["--max-count=1", "--stdin"], question).await {
        Ok(unreached) => Ok(unreached.is_empty()),
        // A tip that is not there any more.
        Err(GitError::Failed { .. }) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Packs what `tips` reach and `without` do not. Deltas are taken over from the mirror and none are looked for; none
/// where there is nothing to pack.
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

/// Runs git with something to read, and gives its answer.
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

/// Number of objects in a pack, as it says at its beginning.
fn count(pack: &Path) -> io::Result<u32> {
    let mut head = [0; 12];
    File::open(pack)?.read_exact(&mut head)?;
    Ok(u32::from_be_bytes([head[8], head[9], head[10], head[11]]))
}

fn file(pack: &str, kind: &str) -> String {
    format!("{pack}.{kind}")
}

/// The index last: git takes a pack for there by it.
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

    /// A mirror in a directory of its own.
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

        /// Puts as many commits on a branch, of three objects each, and gives the last one.
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

        /// The packs of a job, how many they are, and that they have what is reachable and nothing else.
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
        // The first commit of the 800 has the same file as the one before it: its tree and its file are no new objects.
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
