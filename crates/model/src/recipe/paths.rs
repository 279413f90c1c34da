//! The paths in a recipe: scripts, the directory of artifacts, artifacts. Each path is checked before it is used, and
//! brought to normal form.

use super::fault::quoted;
use crate::artifact::Format;

/// The longest path, in characters.
const LONGEST: usize = 200;

/// The directory in a container in which Kozmic keeps its own files.
const OF_KOZMIC: &str = "kozmic";

/// The part of an artifact's path that stands for the directory itself.
const ITSELF: &str = ".";

/// The path of a script in its repository.
pub(super) fn script(text: &str) -> Result<String, String> {
    let shown = quoted(text);
    if text.is_empty() {
        return Err("A script's path is empty.".to_owned());
    }
    one_line(text)?;
    if text.starts_with('/') {
        return Err(format!(
            "{shown} is absolute: name a script as seen from the repository's root, such as autobuild/build.sh."
        ));
    }
    for part in text.split('/') {
        match part {
            ".." => {
                return Err(format!(
                    "{shown} leads out of its directory: a script's path has no \"..\" in it."
                ));
            }
            "" => return Err(format!("{shown} has nothing between two slashes, or ends with one.")),
            "." => return Err(format!("{shown} has a \".\" in it that says nothing: leave it out.")),
            part if part.starts_with('-') => {
                return Err(format!("{shown} has a part that begins with a dash, like an option."));
            }
            _ => {}
        }
    }
    Ok(text.to_owned())
}

/// The directory in the container in which artifacts are left. `repository` is the name without its owner.
pub(super) fn archives(text: &str, repository: &str) -> Result<String, String> {
    let shown = quoted(text);
    one_line(text)?;
    if !text.starts_with('/') {
        return Err(format!(
            "{shown} is not absolute: `archives` begins with a slash, such as /tmp/archives."
        ));
    }
    let parts = parts(text)
        .ok_or_else(|| format!("{shown} leads out of its directory: `archives` has no \"..\" in it."))?;
    match parts.first() {
        None => {
            Err("`archives` is an empty directory at the start of a job, and \"/\" cannot be.".to_owned())
        }
        Some(&first) if first == OF_KOZMIC || first == repository => {
            let whose =
                if first == repository { "the repository stands" } else { "Kozmic keeps its own things" };
            Err(format!("{shown} is or lies in /{first}, where {whose}: name another directory."))
        }
        Some(_) => Ok(format!("/{}", parts.join("/"))),
    }
}

/// The path of an artifact below the directory of artifacts; `.` if the artifact is that directory itself.
pub(super) fn artifact(text: &str, format: Option<Format>) -> Result<String, String> {
    let shown = quoted(text);
    one_line(text)?;
    if text.starts_with('/') {
        return Err(format!(
            "{shown} is absolute: name the artifact as seen from `archives`, such as result.tar.gz."
        ));
    }
    let parts =
        parts(text).ok_or_else(|| format!("{shown} leaves the directory `archives`: no \"..\" in it."))?;
    let path = if parts.is_empty() { ITSELF.to_owned() } else { parts.join("/") };
    match format {
        Some(Format::Flist | Format::Binary | Format::Kernel) if path == ITSELF => Err(format!(
            "{shown} names the directory `archives` itself: name a file in it, or set `format: directory`."
        )),
        Some(Format::Flist) if ![".tar.gz", ".tgz"].iter().any(|end| path.ends_with(end)) => Err(format!(
            "{shown} is no archive for the hub, which takes .tar.gz or .tgz: name one, or set `format: binary` or \
             `format: directory`."
        )),
        _ => Ok(path),
    }
}

fn one_line(text: &str) -> Result<(), String> {
    if text.contains(char::is_control) {
        return Err(format!("{} has control characters in it.", quoted(text)));
    }
    match text.chars().count() <= LONGEST {
        true => Ok(()),
        false => Err(format!("{} is too long: a path has at most {LONGEST} characters.", quoted(text))),
    }
}

/// The parts between the slashes; none if one of them leads upwards.
fn parts(text: &str) -> Option<Vec<&str>> {
    let parts = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>();
    (!parts.contains(&"..")).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_in_one_way() {
        assert_eq!(archives("//tmp/./archives/", "0-core").unwrap(), "/tmp/archives");
        assert_eq!(archives("/0-core-archives", "0-core").unwrap(), "/0-core-archives");
        assert_eq!(artifact("./out//result.tgz", Some(Format::Flist)).unwrap(), "out/result.tgz");
        assert_eq!(artifact("", Some(Format::Directory)).unwrap(), ".");
        assert_eq!(artifact("./", Some(Format::Directory)).unwrap(), ".");
        assert_eq!(script("autobuild/with space.sh").unwrap(), "autobuild/with space.sh");
    }

    #[test]
    fn a_script_stays_in_its_repository() {
        for (text, sentence) in [
            ("", "A script's path is empty."),
            (
                "/bin/sh",
                "\"/bin/sh\" is absolute: name a script as seen from the repository's root, such as \
                 autobuild/build.sh.",
            ),
            ("a/../../b", "\"a/../../b\" leads out of its directory: a script's path has no \"..\" in it."),
            ("a//b", "\"a//b\" has nothing between two slashes, or ends with one."),
            ("a/", "\"a/\" has nothing between two slashes, or ends with one."),
            ("./a", "\"./a\" has a \".\" in it that says nothing: leave it out."),
            ("a/-rf", "\"a/-rf\" has a part that begins with a dash, like an option."),
            ("a\nb", "\"a\nb\" has control characters in it."),
        ] {
            assert_eq!(script(text).unwrap_err(), sentence);
        }
        assert!(
            script(&"a".repeat(201))
                .unwrap_err()
                .ends_with("…\" is too long: a path has at most 200 characters.")
        );
    }

    #[test]
    fn artifacts_are_left_where_nothing_else_stands() {
        for (text, sentence) in [
            ("tmp", "\"tmp\" is not absolute: `archives` begins with a slash, such as /tmp/archives."),
            ("", "\"\" is not absolute: `archives` begins with a slash, such as /tmp/archives."),
            ("/a/../b", "\"/a/../b\" leads out of its directory: `archives` has no \"..\" in it."),
            ("/./", "`archives` is an empty directory at the start of a job, and \"/\" cannot be."),
            (
                "/kozmic/x",
                "\"/kozmic/x\" is or lies in /kozmic, where Kozmic keeps its own things: name another directory.",
            ),
            (
                "/0-core/",
                "\"/0-core/\" is or lies in /0-core, where the repository stands: name another directory.",
            ),
            ("/a\0", "\"/a\0\" has control characters in it."),
        ] {
            assert_eq!(archives(text, "0-core").unwrap_err(), sentence);
        }
    }

    #[test]
    fn an_artifact_stays_in_its_directory() {
        for (text, format, sentence) in [
            (
                "/a.tgz",
                Format::Flist,
                "\"/a.tgz\" is absolute: name the artifact as seen from `archives`, such as result.tar.gz.",
            ),
            ("a/../b", Format::Binary, "\"a/../b\" leaves the directory `archives`: no \"..\" in it."),
            (
                "./",
                Format::Binary,
                "\"./\" names the directory `archives` itself: name a file in it, or set `format: directory`.",
            ),
            (
                "zos.efi",
                Format::Flist,
                "\"zos.efi\" is no archive for the hub, which takes .tar.gz or .tgz: name one, or set `format: \
                 binary` or `format: directory`.",
            ),
        ] {
            assert_eq!(artifact(text, Some(format)).unwrap_err(), sentence);
        }
    }
}
