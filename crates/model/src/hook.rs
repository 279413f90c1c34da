//! A hook: the image and the scripts to run for a project's pushes. People fill in a form, and this module checks it.

use crate::{
    form::{FieldFaults, choice},
    ids::{HookId, ProjectId, WebhookId},
    image::ImageName,
    install::{Install, PullPolicy, tracked_paths},
    interruption::IfInterrupted,
    label::{Label, Labels},
    spec::{HookTask, JobSpec, Origin, Task},
    wake::{Wake, WakeDraft},
};

/// The script that a new hook starts with.
pub const DEFAULT_SCRIPT: &str = "#!/bin/bash\necho \"It works!\"\n";

/// The longest title, in characters.
pub const TITLE_LIMIT: usize = 80;

/// The longest script, in bytes.
pub const SCRIPT_LIMIT: usize = 256 * 1024;

/// The image and the scripts to run for a project's pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Kozmic's own id, as in the address that the forge calls.
    pub id: HookId,
    /// The project whose pushes start the hook's jobs.
    pub project: ProjectId,
    /// The settings that people chose.
    pub settings: HookSettings,
    /// The webhook at the forge that calls the hook; none if it could not be created.
    pub webhook: Option<WebhookId>,
    /// True if the webhook, as far as is known, does not sign its deliveries, so that they are refused.
    pub is_unsigned: bool,
}

/// The settings of a hook that people chose, valid as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookSettings {
    /// The name on the job's tab.
    pub title: String,
    /// The image that the script runs in.
    pub image: ImageName,
    /// The script, starting with its shebang.
    pub script: String,
    /// The install script, whose result is kept as an image; none: the script runs in the base image.
    pub install: Option<Install>,
    /// The rule for pulling a newer image before each job.
    pub pull: PullPolicy,
    /// The rule for a job that is interrupted.
    pub if_interrupted: IfInterrupted,
    /// The labels that a job's runner must have.
    pub labels: Labels,
    /// The events that start the hook.
    pub wake: Wake,
}

impl HookSettings {
    /// The job that the hook with this id makes of a change. Later steps do not need the hook.
    pub fn job(&self, hook: HookId) -> JobSpec {
        let Self { title, image, script, install, pull, if_interrupted, labels, wake: _ } = self.clone();
        let task = Task::Hook(HookTask { image, script, install, pull });
        JobSpec { title, if_interrupted, origin: Origin::Hook(hook), labels, task }
    }
}

/// A hook as typed into the form, right or wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookDraft {
    /// The title field.
    pub title: String,
    /// The image field.
    pub image: String,
    /// The script field.
    pub script: String,
    /// The install script field; empty: none.
    pub install_script: String,
    /// The tracked files field, one path a line.
    pub tracked_files: String,
    /// The choice of when to pull: a [`PullPolicy::word`]; empty: its default.
    pub pull: String,
    /// The rule for a job that is interrupted: an [`IfInterrupted::word`]; empty: its default.
    pub if_interrupted: String,
    /// The labels field, separated by commas or white space.
    pub labels: String,
    /// The fields about the events that start the hook.
    pub wake: WakeDraft,
}

impl HookDraft {
    /// The hook that the draft describes, or a fault for each wrong field.
    ///
    /// # Errors
    /// Names every field that is wrong and says what would be right.
    pub fn check(&self) -> Result<HookSettings, FieldFaults> {
        let mut faults = FieldFaults::new();
        let title = self.title.trim().to_owned();
        if let Some(fault) = title_fault(&title) {
            faults.insert("title", fault);
        }
        // Browsers send CR LF. A carriage return after the shebang would be taken for a part of the interpreter's name.
        let script = self.script.replace("\r\n", "\n");
        if let Some(fault) = script_fault(&script) {
            faults.insert("script", fault);
        }
        let install = self.install(&mut faults);
        let pull = choice::<PullPolicy>(&self.pull);
        let if_interrupted = choice::<IfInterrupted>(&self.if_interrupted);
        let image = self.image.parse::<ImageName>().map_err(|fault| fault.to_string());
        let image = image.and_then(ImageName::unless_reserved).map_err(|fault| faults.insert("image", fault));
        let pull = pull.map_err(|fault| faults.insert("pull", fault));
        let if_interrupted = if_interrupted.map_err(|fault| faults.insert("if_interrupted", fault));
        let labels =
            self.labels.parse::<Labels>().map_err(|fault| faults.insert("labels", fault.to_string()));
        let wake = self.wake.check(&mut faults);
        match (image, pull, if_interrupted, labels) {
            (Ok(image), Ok(pull), Ok(if_interrupted), Ok(labels)) if faults.is_empty() => {
                Ok(HookSettings { title, image, script, install, pull, if_interrupted, labels, wake })
            }
            _ => Err(faults),
        }
    }

    fn install(&self, faults: &mut FieldFaults) -> Option<Install> {
        let script = self.install_script.replace("\r\n", "\n");
        let tracked = tracked_paths(&self.tracked_files).unwrap_or_else(|fault| {
            faults.insert("tracked_files", fault);
            Vec::new()
        });
        if script.trim().is_empty() {
            if !tracked.is_empty() {
                let fault =
                    "Tracked files decide when the install script runs anew: write one, or track nothing.";
                faults.insert("tracked_files", fault.to_owned());
            }
            return None;
        }
        if let Some(fault) = script_fault(&script) {
            faults.insert("install_script", fault);
        }
        Some(Install { script, tracked })
    }
}

impl From<&HookSettings> for HookDraft {
    fn from(settings: &HookSettings) -> Self {
        let HookSettings { title, image, script, install, pull, if_interrupted, labels, wake } =
            settings.clone();
        let paths = install.iter().flat_map(|install| &install.tracked).map(ToString::to_string);
        let tracked_files = paths.collect::<Vec<_>>().join("\n");
        let install_script = install.map(|install| install.script).unwrap_or_default();
        let (image, pull) = (image.to_string(), pull.word().to_owned());
        let if_interrupted = if_interrupted.word().to_owned();
        let labels = labels.iter().map(Label::as_str).collect::<Vec<_>>().join(", ");
        let wake = WakeDraft::from(&wake);
        Self { title, image, script, install_script, tracked_files, pull, if_interrupted, labels, wake }
    }
}

fn title_fault(title: &str) -> Option<String> {
    if title.is_empty() {
        return Some("Give the hook a title, such as Tests.".to_owned());
    }
    if title.chars().count() > TITLE_LIMIT {
        return Some(format!("Keep the title to {TITLE_LIMIT} characters."));
    }
    title.contains(char::is_control).then(|| "Keep the title to one line.".to_owned())
}

fn script_fault(script: &str) -> Option<String> {
    if script.len() > SCRIPT_LIMIT {
        return Some(format!(
            "Keep the script to {} KiB; a longer one belongs into the repository.",
            SCRIPT_LIMIT / 1024
        ));
    }
    if script.contains('\0') {
        return Some("The script has a NUL byte, which no interpreter reads.".to_owned());
    }
    let first_line = script.lines().next().unwrap_or_default();
    match first_line.strip_prefix("#!") {
        None => Some("A script starts with #! and its interpreter, such as #!/bin/bash.".to_owned()),
        Some(interpreter) if interpreter.trim().is_empty() => {
            Some("Name the interpreter after #!, such as #!/bin/bash.".to_owned())
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(title: &str, image: &str, script: &str) -> HookDraft {
        HookDraft { title: title.into(), image: image.into(), script: script.into(), ..HookDraft::default() }
    }

    #[test]
    fn a_hooks_job_asks_for_the_labels_of_the_hook() {
        for labels in ["", "gpu, arm64"] {
            let base = draft("Tests", "debian", DEFAULT_SCRIPT);
            let settings = HookDraft { labels: labels.into(), ..base }.check().unwrap();
            assert_eq!(settings.job(HookId(1)).labels, labels.parse::<Labels>().unwrap());
        }
    }

    #[test]
    fn an_install_script_brings_its_tracked_files() {
        let base = draft("Tests", "debian", DEFAULT_SCRIPT);
        let both = HookDraft {
            install_script: "#!/bin/sh\n".into(),
            tracked_files: "b\n./a".into(),
            ..base.clone()
        };
        let settings = both.check().unwrap();
        assert_eq!(settings.install.as_ref().unwrap().tracked.len(), 2);
        assert_eq!(HookDraft::from(&settings).tracked_files, "a\nb");
        let only_files = HookDraft { tracked_files: "a".into(), ..base.clone() };
        assert!(only_files.check().unwrap_err().contains_key("tracked_files"));
        let bad =
            HookDraft { install_script: "make".into(), tracked_files: "/a".into(), pull: "x".into(), ..base };
        let bad = HookDraft { if_interrupted: "x".into(), ..bad };
        let faults = bad.check().unwrap_err();
        let names = ["if_interrupted", "install_script", "pull", "tracked_files"];
        assert_eq!(faults.keys().copied().collect::<Vec<_>>(), names);
    }

    #[test]
    fn labels_are_sorted_and_shown_as_they_are_typed() {
        let with = |labels: &str| HookDraft { labels: labels.into(), ..draft("a", "debian", DEFAULT_SCRIPT) };
        let recipe = with(" gpu ,ARM64\ngpu").check().unwrap();
        assert_eq!(recipe.labels.to_string(), "arm64,gpu");
        let shown = HookDraft::from(&recipe);
        assert_eq!(shown.labels, "arm64, gpu");
        assert_eq!(shown.check(), Ok(recipe));
        assert!(with(" ,\t").check().unwrap().labels.is_empty());
        let many = (0..11).map(|number| format!("l{number} ")).collect::<String>();
        for (labels, words) in [
            ("gpu, <b>", "\"<b>\" is no label: use letters"),
            ("gpu, -x", "\"-x\" is no label: use letters"),
            (&"a".repeat(41), "is longer than 40 characters."),
            (&many, "11 labels are too many: name 10 at most."),
        ] {
            let faults = with(labels).check().unwrap_err();
            assert!(faults.len() == 1 && faults["labels"].contains(words), "{faults:?}");
        }
    }

    #[test]
    fn a_good_draft_becomes_a_hook_with_unix_line_ends() {
        let settings = draft(" Tests ", "debian:bookworm", "#!/bin/sh\r\nmake\r\n").check().unwrap();
        assert_eq!((settings.title.as_str(), settings.script.as_str()), ("Tests", "#!/bin/sh\nmake\n"));
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let faults = draft("", "Not An Image", "make").check().unwrap_err();
        assert_eq!(faults.keys().copied().collect::<Vec<_>>(), ["image", "script", "title"]);
        assert!(faults["script"].contains("#!"));
    }

    #[test]
    fn the_default_script_is_valid() {
        assert!(draft("Tests", "debian", DEFAULT_SCRIPT).check().is_ok());
    }

    #[test]
    fn a_shebang_without_interpreter_and_a_nul_byte_are_refused() {
        assert!(draft("a", "debian", "#!  \necho").check().unwrap_err().contains_key("script"));
        assert!(draft("a", "debian", "#!/bin/sh\n\0").check().unwrap_err().contains_key("script"));
        assert!(draft("a\nb", "debian", DEFAULT_SCRIPT).check().unwrap_err().contains_key("title"));
    }
}
