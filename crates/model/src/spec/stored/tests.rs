//! Tests with rows as earlier releases wrote them, and as this one writes them.

use crate::{
    artifact::Format,
    ids::HookId,
    install::PullPolicy,
    interruption::IfInterrupted,
    spec::{Base, HookTask, JobSpec, KernelKind, Origin, Program, Task},
};
use proptest::prelude::*;

/// A hook's row.
const HOOK: &str = concat!(
    r##"{"title":"Tests","image":"debian:bookworm","script":"#!/bin/sh\nmake test\n","install":null,"##,
    r##""pull":"if_absent","if_interrupted":"again","manner":"hooked","product":null,"origin":{"hook":7}}"##,
);

/// The row of a hook with an install script.
const INSTALLING: &str = concat!(
    r##"{"title":"Tests","image":"debian:bookworm","script":"#!/bin/sh\nmake test\n","##,
    r##""install":{"script":"#!/bin/sh\napt-get update\n","tracked":["Cargo.lock","vendor"]},"pull":"newer","##,
    r##""if_interrupted":"error","manner":"hooked","product":null,"origin":{"hook":7}}"##,
);

/// A recipe's row.
const RECIPE: &str = concat!(
    r##"{"title":"autobuild/flist.sh [special]","image":"ubuntu:16.04","script":"","install":null,"##,
    r##""pull":"if_absent","if_interrupted":"again","manner":{"bare":{"source":"/0-core","before":"","##,
    r##""program":"/0-core/autobuild/flist.sh","arguments":[],"output":"/tmp/archives","base":"named"}},"##,
    r##""product":{"path":"result.tar.gz","format":"flist","##,
    r##""name":{"versioned":"zero-os-0-core-special-main-a1b2c3d4e5.tar.gz","##,
    r##""stable":"zero-os-0-core-special-main.flist"},"keep":null,"is_met":false},"##,
    r##""origin":{"recipe":{"script":"autobuild/flist.sh","tag":"special"}}}"##,
);

/// The row of a recipe without a tag, whose artifact's plain name is claimed by several.
const PLAIN_RECIPE: &str = concat!(
    r##"{"title":"autobuild/flist.sh","image":"ubuntu:16.04","script":"","install":null,"pull":"if_absent","##,
    r##""if_interrupted":"again","manner":{"bare":{"source":"/0-core","before":"","##,
    r##""program":"/0-core/autobuild/flist.sh","arguments":[],"output":"/tmp/archives","base":"named"}},"##,
    r##""product":{"path":"result.tar.gz","format":"flist","##,
    r##""name":{"versioned":"zero-os-0-core-main-a1b2c3d4e5.tar.gz","stable":"zero-os-0-core-main.flist"},"##,
    r##""keep":null,"is_met":true},"origin":{"recipe":{"script":"autobuild/flist.sh","tag":null}}}"##,
);

/// A generic kernel rule's row.
const GENERIC: &str = concat!(
    r##"{"title":"Kernel (generic)","image":"ubuntu:16.04","script":"","install":null,"pull":"if_absent","##,
    r##""if_interrupted":"again","manner":{"bare":{"source":"/0-initramfs","##,
    r##""before":"apt-get update && apt-get install -y git","program":"/0-initramfs/autobuild/build.sh","##,
    r##""arguments":["v1","0-initramfs","release"],"output":"/target","base":"named"}},"##,
    r##""product":{"path":"vmlinuz.efi","format":"kernel","##,
    r##""name":{"versioned":"zero-os-tag.v1-generic-a1b2c3d4e5.efi","stable":"zero-os-tag.v1-generic.efi"},"##,
    r##""keep":"zero-os/0-initramfs:tag.v1","is_met":false},"origin":{"kernel":"generic"}}"##,
);

/// A dependent kernel rule's row.
const DEPENDENT: &str = concat!(
    r##"{"title":"Kernel (dependent)","image":"zero-os/0-initramfs:master-fix","script":"","install":null,"##,
    r##""pull":"if_absent","if_interrupted":"again","manner":{"bare":{"source":"/0-core","##,
    r##""before":"apt-get update && apt-get install -y git","program":"/0-initramfs/autobuild/build.sh","##,
    r##""arguments":["master-fix","0-core"],"output":"/target","base":"longest_prefix"}},"##,
    r##""product":{"path":"vmlinuz.efi","format":"kernel","##,
    r##""name":{"versioned":"zero-os-master-fix-0-core-a1b2c3d4e5.efi","stable":"zero-os-master-fix.efi"},"##,
    r##""keep":null,"is_met":false},"origin":{"kernel":"dependent"}}"##,
);

/// The row of a reading of the configuration.
const CONFIGURATION: &str = concat!(
    r##"{"title":"Configuration","image":"debian:bookworm","script":"","install":null,"pull":"if_absent","##,
    r##""if_interrupted":"again","manner":"check","product":null,"origin":"configuration"}"##,
);

fn read(row: &str) -> JobSpec {
    serde_json::from_str(row).unwrap()
}

fn fault(row: &str) -> String {
    serde_json::from_str::<JobSpec>(row).unwrap_err().to_string()
}

fn hook(spec: JobSpec) -> HookTask {
    match spec.task {
        Task::Hook(hook) => hook,
        other => panic!("{other:?}"),
    }
}

fn program(spec: JobSpec) -> Program {
    match spec.task {
        Task::Program(program) => program,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_has_labels_only_if_there_are_any() {
    let row = HOOK.replace(r#""product":null"#, r#""product":null,"labels":["gpu","arm64"]"#);
    assert_eq!(read(&row).labels.to_string(), "arm64,gpu");
    assert!(read(HOOK).labels.is_empty() && !HOOK.contains("labels"));
    assert!(!serde_json::to_string(&read(HOOK)).unwrap().contains("labels"));
}

#[test]
fn a_hooks_row_is_read() {
    let spec = read(HOOK);
    assert_eq!((spec.title.as_str(), &spec.origin), ("Tests", &Origin::Hook(HookId(7))));
    let plain = hook(spec);
    assert_eq!((plain.image.to_string().as_str(), plain.install), ("debian:bookworm", None));
    assert_eq!((plain.script.as_str(), plain.pull), ("#!/bin/sh\nmake test\n", PullPolicy::IfAbsent));
    let spec = read(INSTALLING);
    assert_eq!(spec.if_interrupted, IfInterrupted::Error);
    let (install, pull) = {
        let hook = hook(spec);
        (hook.install.unwrap(), hook.pull)
    };
    assert_eq!((install.script.as_str(), pull), ("#!/bin/sh\napt-get update\n", PullPolicy::Newer));
    assert_eq!(
        install.tracked.iter().map(|path| path.as_str()).collect::<Vec<_>>(),
        ["Cargo.lock", "vendor"]
    );
}

#[test]
fn a_recipes_row_is_read() {
    let spec = read(RECIPE);
    assert_eq!((spec.origin.tag(), spec.title.as_str()), (Some("special"), "autobuild/flist.sh [special]"));
    let tagged = program(spec);
    assert_eq!((tagged.image.to_string().as_str(), tagged.base), ("ubuntu:16.04", Base::Named));
    assert_eq!((tagged.source.as_str(), tagged.path.as_str()), ("/0-core", "/0-core/autobuild/flist.sh"));
    assert_eq!((tagged.output.as_str(), tagged.before.as_str()), ("/tmp/archives", ""));
    assert_eq!((tagged.product.format, tagged.product.is_met), (Format::Flist, false));
    assert!(program(read(PLAIN_RECIPE)).product.is_met);
}

#[test]
fn a_kernel_rules_row_is_read() {
    let spec = read(GENERIC);
    assert_eq!(spec.origin, Origin::Kernel(KernelKind::Generic));
    let generic = program(spec);
    assert_eq!((generic.arguments.len(), generic.base), (3, Base::Named));
    assert_eq!(generic.product.keep.unwrap().to_string(), "zero-os/0-initramfs:tag.v1");
    let dependent = program(read(DEPENDENT));
    assert_eq!(dependent.image.to_string(), "zero-os/0-initramfs:master-fix");
    assert_eq!((dependent.product.keep, dependent.base), (None, Base::LongestPrefix));
}

#[test]
fn the_image_of_a_reading_of_the_configuration_is_forgotten() {
    let spec = read(CONFIGURATION);
    assert_eq!((spec.task.image(), &spec.task), (None, &Task::Configuration));
    let written = serde_json::to_string(&spec).unwrap();
    assert_eq!(written, CONFIGURATION.replace("debian:bookworm", "scratch"));
    assert_eq!(read(&written), spec);
}

#[test]
fn a_row_is_written_as_it_was_read() {
    for row in [HOOK, INSTALLING, RECIPE, PLAIN_RECIPE, GENERIC, DEPENDENT] {
        assert_eq!(serde_json::to_string(&read(row)).unwrap(), row);
    }
}

#[test]
fn a_row_of_the_first_release_has_less() {
    let first = r##"{"title":"Tests","image":"debian","script":"#!/bin/sh","origin":{"hook":7}}"##;
    let spec = read(first);
    assert_eq!(spec.if_interrupted, IfInterrupted::Again);
    let hook = hook(spec);
    assert_eq!((hook.install, hook.pull), (None, PullPolicy::IfAbsent));
    let before_names =
        RECIPE.replace(r#","keep":null,"is_met":false"#, "").replace(r#""if_interrupted":"again","#, "");
    assert_eq!(read(&before_names), read(RECIPE));
}

#[test]
fn a_row_that_no_task_fits_is_refused_with_its_fault() {
    let install = r#""install":{"script":"x","tracked":[]}"#;
    let product = RECIPE.split_once(r#""product":"#).unwrap().1.rsplit_once(r#","origin""#).unwrap().0;
    for (row, told) in [
        (
            CONFIGURATION.replace(r#""install":null"#, install),
            "a reading of the configuration with an install script",
        ),
        (
            CONFIGURATION.replace(r#""script":"""#, r#""script":"x""#),
            "a reading of the configuration with a script",
        ),
        (DEPENDENT.replace(r#""install":null"#, install), "a program with an install script"),
        (RECIPE.replace("if_absent", "newer"), "a program with a look for newer images"),
        (RECIPE.replace(product, "null"), "a program without an artifact"),
        (
            HOOK.replace(r#""product":null"#, &format!(r#""product":{product}"#)),
            "a hook's script with an artifact",
        ),
        (
            HOOK.replace(r#"{"hook":7}"#, r#""configuration""#),
            "a hook's script whose origin is a configuration",
        ),
        (GENERIC.replace(r#"{"kernel":"generic"}"#, r#"{"hook":7}"#), "a program whose origin is a hook"),
    ] {
        assert!(fault(&row).starts_with(told), "{}: {row}", fault(&row));
    }
}

fn any_spec() -> impl Strategy<Value = JobSpec> {
    let rows =
        prop::sample::select(vec![HOOK, INSTALLING, RECIPE, PLAIN_RECIPE, GENERIC, DEPENDENT, CONFIGURATION]);
    (rows, any::<[String; 5]>(), any::<[bool; 2]>()).prop_map(|(row, texts, [one, other])| {
        let mut spec = read(row);
        let [title, text, source, before, output] = texts;
        spec.title = title;
        spec.if_interrupted = if one { IfInterrupted::Again } else { IfInterrupted::Error };
        spec.labels = if other { "gpu,arm64" } else { "" }.parse().unwrap();
        match &mut spec.task {
            Task::Hook(hook) => {
                hook.script = text;
                hook.pull = if other { PullPolicy::Newer } else { PullPolicy::IfAbsent };
            }
            Task::Program(program) => {
                (program.path, program.source, program.before, program.output) =
                    (text, source, before, output);
                program.product.is_met = other;
            }
            Task::Configuration => {}
        }
        spec
    })
}

proptest! {
    #[test]
    fn every_spec_is_read_as_it_was_written(spec in any_spec()) {
        prop_assert_eq!(read(&serde_json::to_string(&spec).unwrap()), spec);
    }
}
