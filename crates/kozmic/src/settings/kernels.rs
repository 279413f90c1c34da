//! Kernel rules: the tables `[[kernel]]` of the settings file. They decide about pushes to repositories from which
//! kernels are made.

mod fields;
#[cfg(test)]
mod fuzz;

#[cfg(test)]
pub(super) use fields::KEYS;

use super::{
    fault::{KernelRuleFault, SettingsFault},
    source::Rules,
    values,
};
use fields::{Fields, LABELS, Parsed, wrong};
use kozmic_model::{
    image::ImageName,
    interruption::IfInterrupted,
    kernel::{KernelFile, KernelRule, KernelStart},
    label::{Label, Labels},
    names::flat,
    place::is_taken,
    spec::KernelKind,
};

/// Default of the commands that run first on a fresh image.
const BEFORE: &str = "apt-get update && apt-get install -y git";

/// Default path at which scripts leave kernels.
const KERNEL: &str = "/target/vmlinuz.efi";

/// Default beginning of kernels' names.
const PREFIX: &str = "zero-os";

/// The rules of the settings file. `image` is the default image of generic rules.
///
/// # Errors
/// Names the rule by its number, the key, and a right value.
pub(super) fn rules(written: &Rules, image: &ImageName) -> Result<Vec<KernelRule>, SettingsFault> {
    let at = |index: usize| {
        move |fault| SettingsFault::KernelRule { place: written.place.clone(), number: index + 1, fault }
    };
    let parsed =
        written.tables.iter().enumerate().map(|(index, table)| rule(table, image).map_err(at(index)));
    let rules = parsed.collect::<Result<Vec<_>, _>>()?;
    for (index, rule) in rules.iter().enumerate() {
        fits_to_others(rule, index, &rules).map_err(at(index))?;
    }
    Ok(rules)
}

fn rule(table: &toml::Table, image: &ImageName) -> Parsed<KernelRule> {
    let fields = Fields::of(table)?;
    let kind = fields.needed("kind", kind)?;
    let repository = fields.needed("repository", values::repository)?;
    if repository.rsplit('/').next().is_some_and(is_taken) {
        let right =
            "a repository that is not called like a directory of the system, where its files would be put";
        return Err(wrong("repository", &repository, right));
    }
    let kernel = fields.written("kernel").unwrap_or(KERNEL);
    Ok(KernelRule {
        start: match kind {
            KernelKind::Generic => fresh(&fields, &repository, image)?,
            KernelKind::Dependent => kept(&fields)?,
        },
        before: before(&fields, kind)?,
        script: fields.needed("script", values::place)?,
        kernel: kernel_file(kernel, &repository).map_err(|right| wrong("kernel", kernel, right))?,
        prefix: fields.parse("prefix", prefix)?.unwrap_or_else(|| PREFIX.to_owned()),
        if_interrupted: fields.parse("if_interrupted", if_interrupted)?.unwrap_or_default(),
        labels: labels(&fields)?,
        repository,
    })
}

/// The start of a generic rule.
fn fresh(fields: &Fields<'_>, repository: &str, default: &ImageName) -> Parsed<KernelStart> {
    fields.refuse("base", KernelKind::Generic, "starts from an image: see \"image\"")?;
    // The image that is made of the container gets the repository's name.
    if repository.to_lowercase().parse::<ImageName>().is_err() {
        let right = "a repository whose owner and name make the name of a Docker image in lower case: each begins and \
                     ends with a letter or digit";
        return Err(wrong("repository", repository, right));
    }
    Ok(KernelStart::Fresh(fields.parse("image", values::image)?.unwrap_or_else(|| default.clone())))
}

/// The start of a dependent rule.
fn kept(fields: &Fields<'_>) -> Parsed<KernelStart> {
    fields.refuse("image", KernelKind::Dependent, "starts from what a generic rule kept: see \"base\"")?;
    Ok(KernelStart::Kept(fields.needed("base", values::repository)?))
}

/// The commands that run first. An empty text counts here: nothing runs first.
fn before(fields: &Fields<'_>, kind: KernelKind) -> Parsed<String> {
    let Some(text) = fields.text("before") else {
        return Ok(if kind == KernelKind::Generic { BEFORE.to_owned() } else { String::new() });
    };
    match text.contains('\0') {
        false => Ok(text.trim().to_owned()),
        true => Err(wrong("before", text, "lines for a shell, without the character 0")),
    }
}

fn kind(text: &str) -> Result<KernelKind, &'static str> {
    let kinds = [KernelKind::Generic, KernelKind::Dependent];
    let is_meant = |kind: &KernelKind| kind.word() == text;
    kinds
        .into_iter()
        .find(is_meant)
        .ok_or("\"generic\" (everything, on a fresh image) or \"dependent\" (one part)")
}

/// A kernel's path, split into directory and file. The directory is empty at the start, so it must not be that of the
/// source.
fn kernel_file(text: &str, repository: &str) -> Result<KernelFile, &'static str> {
    const RIGHT: &str = "a file's path in a directory of its own that begins with / and has neither . nor .. between \
                         slashes, such as /target/vmlinuz.efi; /kozmic and the repository's own directory are taken";
    let path = values::place(text).map_err(|_| RIGHT)?;
    let source = repository.rsplit('/').next();
    match path.rsplit_once('/') {
        Some((directory, file)) if !directory.is_empty() && directory.split('/').nth(1) != source => {
            Ok(KernelFile { directory: directory.to_owned(), file: file.to_owned() })
        }
        _ => Err(RIGHT),
    }
}

fn prefix(text: &str) -> Result<String, &'static str> {
    match flat(text) == text && text.len() <= 60 {
        true => Ok(text.to_owned()),
        false => Err("up to 60 letters, digits and - _ . that do not begin with a dot"),
    }
}

fn if_interrupted(text: &str) -> Result<IfInterrupted, &'static str> {
    text.parse().map_err(|_| "\"again\" (it runs again, twice at most) or \"error\" (it ends as an error)")
}

fn labels(fields: &Fields<'_>) -> Parsed<Labels> {
    const RIGHT: &str =
        "labels of up to 40 letters, digits and . _ -, with a letter or digit first, such as gpu";
    let written = fields.list(LABELS);
    let label = |text: &&str| text.parse::<Label>().map_err(|_| wrong(LABELS, text, RIGHT));
    let labels = written.iter().map(label).collect::<Parsed<Vec<_>>>()?;
    Labels::listed(labels).map_err(|_| wrong(LABELS, &written.join(", "), "10 labels at most"))
}

/// Checks that a rule does not conflict with the others, and that the base of a dependent rule exists.
fn fits_to_others(rule: &KernelRule, index: usize, rules: &[KernelRule]) -> Parsed<()> {
    if let Some(first) = rules[..index].iter().position(|other| other.is_for(&rule.repository)) {
        return Err(KernelRuleFault::Twice { repository: rule.repository.clone(), first: first + 1 });
    }
    let KernelStart::Kept(base) = &rule.start else { return Ok(()) };
    match rules.iter().any(|other| other.kind() == KernelKind::Generic && other.is_for(base)) {
        true => Ok(()),
        false => Err(KernelRuleFault::NoBase(base.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::source::Source;

    const GENERIC: &str =
        "[[kernel]]\nkind = 'generic'\nrepository = 'zero-os/0-initramfs'\nscript = '/x/build.sh'\n";
    const DEPENDENT: &str = "[[kernel]]\nkind = 'dependent'\nrepository = 'zero-os/0-core'\n\
                             base = 'Zero-OS/0-initramfs'\nscript = '/x/cores.sh'\n";

    fn read(file: &str) -> Result<Vec<KernelRule>, String> {
        let source = Source::from_text(file, []).map_err(|fault| fault.to_string())?;
        rules(source.rules(), &"ubuntu:16.04".parse().unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_rule_says_little_and_means_much() {
        // A base may be below the rule that starts from it.
        let rules = read(&format!("{DEPENDENT}{GENERIC}")).unwrap();
        let [dependent, generic] = &rules[..] else { panic!("{rules:?}") };
        assert_eq!(generic.start, KernelStart::Fresh("ubuntu:16.04".parse().unwrap()));
        assert_eq!(generic.before, "apt-get update && apt-get install -y git");
        assert_eq!((&*generic.kernel.directory, &*generic.kernel.file), ("/target", "vmlinuz.efi"));
        assert_eq!((&*generic.script, &*generic.prefix), ("/x/build.sh", "zero-os"));
        assert_eq!(dependent.start, KernelStart::Kept("Zero-OS/0-initramfs".into()));
        assert_eq!(dependent.before, "");
        assert_eq!(dependent.if_interrupted, IfInterrupted::Again);
    }

    #[test]
    fn a_repository_is_not_put_among_the_systems_files() {
        let fault = read(&GENERIC.replace("0-initramfs", "proc")).unwrap_err();
        assert!(fault.contains("\"zero-os/proc\"") && fault.contains("directory of the system"), "{fault}");
    }

    #[test]
    fn a_rule_may_say_all() {
        let rules = read(&format!(
            "{GENERIC}image = 'debian:bookworm'\nbefore = ''\nkernel = '/out/a/zos.efi'\nprefix = 'zos'\n\
             if_interrupted = 'error'\nlabels = ['gpu', 'ARM64']"
        ));
        let [rule] = &rules.unwrap()[..] else { panic!("one rule") };
        assert_eq!(rule.start, KernelStart::Fresh("debian:bookworm".parse().unwrap()));
        assert_eq!((&*rule.before, &*rule.prefix), ("", "zos"));
        assert_eq!((&*rule.kernel.directory, &*rule.kernel.file), ("/out/a", "zos.efi"));
        assert_eq!(
            (rule.if_interrupted, rule.labels.to_string()),
            (IfInterrupted::Error, "arm64,gpu".into())
        );
    }

    #[test]
    fn labels_are_a_list_or_a_text() {
        let labels = |written: &str| {
            let rules = read(&format!("{GENERIC}labels = {written}"))?;
            Ok(rules[0].labels.to_string())
        };
        for (written, right) in [
            ("'gpu'", "gpu"),
            ("'gpu, arm64 GPU'", "arm64,gpu"),
            ("['gpu', 'arm64']", "arm64,gpu"),
            ("''", ""),
            ("[]", ""),
        ] {
            assert_eq!(labels(written), Ok(right.to_owned()), "{written}");
        }
        let many = (0..11).map(|number| format!("l{number}")).collect::<Vec<_>>();
        for (written, words) in [
            ("1", "a number: it needs to be text in quotes, or a list of such texts"),
            ("true", "true or false: it needs to be text"),
            ("['gpu', 1]", "a list: it needs to be text in quotes, or a list of such texts"),
            ("[['gpu']]", "a list: it needs to be text"),
            ("{gpu = 'yes'}", "a table: it needs to be text"),
            ("'gpu, -x'", "\"-x\": it needs to be labels of up to 40 letters"),
            ("['a b']", "\"a b\": it needs to be labels"),
            ("['']", "\"\": it needs to be labels"),
            ("[\"a\\u001b\"]", "\"a\\u{1b}\": it needs to be labels"),
            (&format!("'{}'", "a".repeat(41)), "aaa\": it needs to be labels"),
            (&format!("{many:?}"), "l10\": it needs to be 10 labels at most"),
        ] {
            let fault: Result<String, String> = labels(written);
            let fault = fault.unwrap_err();
            let (is_begun, is_there) =
                (fault.starts_with("kozmic.toml, kernel rule 1: \"labels\" is "), fault.contains(words));
            assert!(is_begun && is_there, "{written}: {fault}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_named_with_its_number_and_key() {
        for (rule, words) in [
            ("scrpt = '/x'", "there is no key \"scrpt\"; did you mean \"script\"?"),
            ("prefix = 1", "\"prefix\" is a number: it needs to be text in quotes"),
            ("before = ['a']", "\"before\" is a list: it needs to be text in quotes"),
            (
                "image = 'Ubuntu'",
                "\"image\" is \"Ubuntu\": it needs to be the name of a Docker image, such as",
            ),
            (
                "base = 'a/b'",
                "\"base\" has no place in a generic rule, which starts from an image: see \"image\"",
            ),
            ("if_interrupted = 'no'", "\"if_interrupted\" is \"no\": it needs to be \"again\""),
            ("prefix = '.x'", "\"prefix\" is \".x\": it needs to be up to 60 letters"),
            ("before = \"a\\u0000\"", "\"before\" is \"a\\0\": it needs to be lines for a shell"),
            ("kernel = '/k.efi'", "\"kernel\" is \"/k.efi\": it needs to be a file's path in a directory"),
            ("kernel = '/a/../k.efi'", "\"kernel\" is \"/a/../k.efi\": it needs to be"),
            ("kernel = '/kozmic/k.efi'", "\"kernel\" is \"/kozmic/k.efi\": it needs to be"),
            ("kernel = '/0-initramfs/k.efi'", "\"kernel\" is \"/0-initramfs/k.efi\": it needs to be"),
            ("log = 'debug'", "\"log\" is a setting of its own: write it above the first line [[kernel]]"),
        ] {
            let fault = read(&format!("{GENERIC}{rule}")).unwrap_err();
            assert!(fault.starts_with(&format!("kozmic.toml, kernel rule 1: {words}")), "{fault}");
        }
        let fault = read(&format!("{GENERIC}{DEPENDENT}image = 'debian'")).unwrap_err();
        let words = "\"image\" has no place in a dependent rule, which starts from what a generic rule kept";
        assert!(fault.starts_with(&format!("kozmic.toml, kernel rule 2: {words}")), "{fault}");
    }

    #[test]
    fn what_a_rule_lacks_is_named() {
        for (key, right) in [
            ("kind", "\"generic\" (everything, on a fresh image) or \"dependent\" (one part)"),
            ("repository", "a repository by its owner and name"),
            ("script", "a path that begins with /"),
            ("base", "a repository by its owner and name"),
        ] {
            let file = if key == "base" { DEPENDENT } else { GENERIC };
            let without = file.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n");
            let empty = format!("{without}\n{key} = ' '");
            for file in [without, empty] {
                let fault = read(&file).unwrap_err();
                let words =
                    format!("kozmic.toml, kernel rule 1: \"{key}\" is missing: it needs to be {right}");
                assert!(fault.starts_with(&words), "{fault}");
            }
        }
    }

    #[test]
    fn a_needed_value_that_cannot_be_used_is_named() {
        for (right, other, words) in [
            ("'generic'", "'full'", "\"kind\" is \"full\": it needs to be \"generic\""),
            ("zero-os/", "", "\"repository\" is \"0-initramfs\": it needs to be a repository by its owner"),
            (
                "0-initramfs'",
                "x-'",
                "\"repository\" is \"zero-os/x-\": it needs to be a repository whose owner",
            ),
            ("'/x/", "'../", "\"script\" is \"../build.sh\": it needs to be a path"),
        ] {
            let fault = read(&GENERIC.replace(right, other)).unwrap_err();
            assert!(fault.starts_with(&format!("kozmic.toml, kernel rule 1: {words}")), "{fault}");
        }
    }

    #[test]
    fn rules_fit_to_each_other() {
        let again = GENERIC.replace("zero-os", "Zero-OS");
        assert_eq!(
            read(&format!("{GENERIC}{DEPENDENT}{again}")).unwrap_err(),
            "kozmic.toml, kernel rule 3: Zero-OS/0-initramfs has rule 1 already: write one rule for each repository"
        );
        let other = DEPENDENT.replace("0-core", "0-fs").replace("Zero-OS/0-initramfs", "zero-os/0-core");
        assert_eq!(
            read(&format!("{GENERIC}{DEPENDENT}{other}")).unwrap_err(),
            "kozmic.toml, kernel rule 3: \"base\" is \"zero-os/0-core\": it needs to be the repository of a generic \
             rule, and none has it"
        );
    }
}
