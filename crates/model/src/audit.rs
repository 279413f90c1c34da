//! The audit trail: an entry for each change that somebody made, with the actor who made it. It contains no secrets.

use crate::{
    ids::{AuditEntryId, ProjectId, UserId},
    project::UnknownWord,
    time::Timestamp,
};
use std::str::FromStr;

/// The longest subject that is kept, in characters. Hooks' titles and browsers' names are written by others.
const LONGEST_SUBJECT: usize = 200;

/// The person, operator or program that did something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Actor {
    /// Kozmic itself, mostly because the forge reported something.
    #[default]
    Kozmic,
    /// The operator of the server, by a command on its machine.
    Operator,
    /// A person.
    Person {
        /// Their id.
        user: UserId,
        /// Their login at that time.
        login: String,
        /// The title of the API token that they used; none: they used a browser.
        token: Option<String>,
    },
}

impl Actor {
    /// True if a person or the operator decided it.
    pub fn is_somebody(&self) -> bool {
        *self != Self::Kozmic
    }

    /// The word in the database and in the API.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Kozmic => "kozmic",
            Self::Operator => "operator",
            Self::Person { .. } => "person",
        }
    }
}

macro_rules! actions {
    ($($name:ident = $word:literal, $said:literal;)+) => {
        /// A kind of deed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action {
            $(#[doc = concat!("Somebody ", $said, " ….")] $name,)+
        }

        impl Action {
            /// All actions, ordered by subject.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The word in the database and in the API.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// The words between the actor and the subject.
            pub fn said(self) -> &'static str {
                match self { $(Self::$name => $said,)+ }
            }
        }
    };
}

actions! {
    SignedIn = "signed_in", "signed in:";
    SignInRefused = "sign_in_refused", "refused the sign-in of";
    SignedOut = "signed_out", "signed out";
    OthersSignedOut = "others_signed_out", "signed out all other browsers";
    PutOut = "put_out", "signed out, as they may no longer sign in:";
    SignInEnded = "sign_in_ended", "signed out, since the forge no longer accepts the sign-in of";
    MailChanged = "mail_changed", "changed their mail settings";
    MailConfirmed = "mail_confirmed", "confirmed their address for mail";
    Unsubscribed = "unsubscribed", "switched off mail, by the link in one, for";
    TokenMade = "token_made", "made the API token";
    TokenDeleted = "token_deleted", "deleted the API token";
    ProjectMade = "project_made", "made the project";
    ProjectImported = "project_imported", "took over the project";
    ProjectDeleted = "project_deleted", "deleted the project";
    RoleGiven = "role_given", "gave a role:";
    RoleTaken = "role_taken", "took a role away:";
    MembersSynced = "members_synced", "synced the members";
    SettingsChanged = "settings_changed", "changed settings:";
    BadgeOpened = "badge_opened", "opened the badge to everybody";
    BadgeClosed = "badge_closed", "bound the badge to its token";
    HookAdded = "hook_added", "added the hook";
    HookChanged = "hook_changed", "changed the hook";
    HookDeleted = "hook_deleted", "deleted the hook";
    WebhookSet = "webhook_set", "set the webhook of";
    WebhookSecretMade = "webhook_secret_made", "made a new secret for the webhook of";
    DeployKeyMade = "deploy_key_made", "made a deploy key";
    RegistryAdded = "registry_added", "added the login for the registry";
    RegistryChanged = "registry_changed", "changed the login for the registry";
    RegistryDeleted = "registry_deleted", "deleted the login for the registry";
    ImageDropped = "image_dropped", "dropped the cached image";
    BuildApproved = "build_approved", "approved build";
    BuildRestarted = "build_restarted", "restarted build";
    JobRestarted = "job_restarted", "restarted the job";
    JobCanceled = "job_canceled", "canceled the job";
    RunnerAdded = "runner_added", "added the runner";
    RunnerDrained = "runner_drained", "drained the runner";
    RunnerResumed = "runner_resumed", "resumed the runner";
    RunnerRemoved = "runner_removed", "removed the runner";
    ConfigurationLoaded = "configuration_loaded", "put the configuration in force of commit";
}

impl FromStr for Action {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let known = Self::ALL.iter().find(|action| action.word() == text);
        known.copied().ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// Something that somebody is about to do, for the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Its kind.
    pub action: Action,
    /// The project that it concerns.
    pub project: Option<ProjectId>,
    /// The thing or person that it concerns.
    pub subject: String,
}

impl Deed {
    /// A deed that concerns a project, or none. The subject is kept on one line, and shortened.
    pub fn new(action: Action, project: Option<ProjectId>, subject: &str) -> Self {
        let line = subject.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        Self { action, project, subject: line.take(LONGEST_SUBJECT).collect() }
    }
}

/// A deed that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id; later ones are larger.
    pub id: AuditEntryId,
    /// The time when it was done.
    pub at: Timestamp,
    /// The one who did it.
    pub actor: Actor,
    /// The deed.
    pub deed: Deed,
    /// The project's name at that time; empty if the deed concerns no project.
    pub project_name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_action_has_a_word_of_its_own_that_is_read_back() {
        let words = Action::ALL.iter().map(|action| action.word()).collect::<HashSet<_>>();
        assert_eq!(words.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(action.word().parse::<Action>().unwrap(), *action);
        }
        assert!("made_tea".parse::<Action>().is_err());
    }

    #[test]
    fn each_actor_has_a_word_and_only_kozmic_is_nobody() {
        let anna = Actor::Person { user: UserId(1), login: "anna".into(), token: None };
        let told = [Actor::Kozmic, Actor::Operator, anna].map(|actor| (actor.word(), actor.is_somebody()));
        assert_eq!(told, [("kozmic", false), ("operator", true), ("person", true)]);
    }

    #[test]
    fn a_subject_has_one_line_and_an_end() {
        let deed = Deed::new(Action::HookAdded, None, &format!("a\nb\u{1b}[0m{}", "ü".repeat(300)));
        assert!(deed.subject.starts_with("a b [0mü") && deed.subject.chars().count() == 200);
    }
}
