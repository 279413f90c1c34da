//! The report of an import: numbers of rows of each kind, and the name of everything that was left out or repaired.

use kozmic_edges::forge::github::SITE;
use kozmic_model::ids::ProjectId;
use std::{collections::BTreeMap, fmt, str::FromStr};

/// The kinds of rows, in the order in which they are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// People.
    User,
    /// Repositories.
    Project,
    /// People who may see a project and are not its owner.
    Member,
    /// Keys for fetching private repositories.
    DeployKey,
    /// Scripts that run for pushes.
    Hook,
    /// Paths whose changes make install scripts run again.
    TrackedFile,
    /// Jobs that ran for one commit.
    Build,
    /// One script of a build.
    Job,
    /// Output of a job.
    Log,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::User,
        Self::Project,
        Self::Member,
        Self::DeployKey,
        Self::Hook,
        Self::TrackedFile,
        Self::Build,
        Self::Job,
        Self::Log,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::User => "user",
            Self::Project => "project",
            Self::Member => "member",
            Self::DeployKey => "deploy key",
            Self::Hook => "hook",
            Self::TrackedFile => "tracked file",
            Self::Build => "build",
            Self::Job => "job",
            Self::Log => "log",
        })
    }
}

impl FromStr for Kind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.to_string() == text);
        known.ok_or_else(|| format!("\"{text}\" is no kind of row"))
    }
}

/// The number of rows of a kind, by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that were taken over now.
    pub taken: u64,
    /// Rows that were here before.
    pub there: u64,
    /// Rows that stay out.
    pub left_out: u64,
}

impl Tally {
    /// The number of rows in the other installation.
    pub fn found(self) -> u64 {
        self.taken + self.there + self.left_out
    }
}

/// A remark about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The thing.
    pub what: String,
    /// The explanation.
    pub why: String,
}

/// The results of an import.
#[derive(Debug, Default)]
pub struct Report {
    tallies: BTreeMap<Kind, Tally>,
    /// Rows that stay out, with the reason.
    pub left_out: Vec<Remark>,
    /// Rows that were taken over with a change, and the change.
    pub mended: Vec<Remark>,
    /// Rows that were here before and are changed now, because they changed there.
    pub followed: Vec<Remark>,
    /// Rows that were removed here because they were deleted there, or that stay despite that.
    pub gone: Vec<Remark>,
    /// Tasks for people.
    pub to_do: Vec<Remark>,
}

impl Report {
    /// The numbers of a kind.
    pub fn tally(&self, kind: Kind) -> Tally {
        self.tallies.get(&kind).copied().unwrap_or_default()
    }

    pub(super) fn take(&mut self, kind: Kind) {
        self.tallies.entry(kind).or_default().taken += 1;
    }

    pub(super) fn find_there(&mut self, kind: Kind) {
        self.tallies.entry(kind).or_default().there += 1;
    }

    pub(super) fn count(&mut self, kind: Kind, is_new: bool) {
        if is_new { self.take(kind) } else { self.find_there(kind) }
    }

    pub(super) fn leave_out(&mut self, kind: Kind, what: String, why: String) {
        self.tallies.entry(kind).or_default().left_out += 1;
        self.left_out.push(Remark { what, why });
    }

    /// Leaves out all rows of a kind that belong to a thing which is left out.
    pub(super) fn leave_out_all(&mut self, kind: Kind, count: u64, of: &str, why: &str) {
        if count > 0 {
            self.tallies.entry(kind).or_default().left_out += count;
            let plural = if count == 1 { "" } else { "s" };
            self.left_out.push(Remark { what: format!("{count} {kind}{plural} {of}"), why: why.to_owned() });
        }
    }

    pub(super) fn mend(&mut self, what: String, why: String) {
        self.mended.push(Remark { what, why });
    }

    pub(super) fn follow(&mut self, what: String, why: String) {
        self.followed.push(Remark { what, why });
    }

    /// Reports a thing that the other installation deleted.
    pub(super) fn lose(&mut self, what: String, why: &str) {
        self.gone.push(Remark { what, why: why.to_owned() });
    }

    /// Reports a thing whose number here differs from its number there.
    pub(super) fn renumber(&mut self, what: String, there: i64, here: i64, kind: Kind) {
        if there != here {
            let why = format!(
                "its number was taken here: it is {kind} {here} now, and links to it by {there} lead elsewhere"
            );
            self.mend(what, why);
        }
    }

    pub(super) fn ask(&mut self, what: String, why: String) {
        self.to_do.push(Remark { what, why });
    }

    pub(super) fn ask_to_connect(&mut self, name: String, project: ProjectId, hooks: u64) {
        let webhooks = if hooks == 1 { "webhook signs" } else { "webhooks sign" };
        let why = format!(
            "press \"Restore hooks on {SITE}\" in /projects/{project}/settings/: {hooks} {webhooks} nothing yet, and \
             unsigned deliveries are refused"
        );
        self.to_do.push(Remark { what: name, why });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_was_found_is_accounted_for() {
        let mut report = Report::default();
        report.take(Kind::Job);
        report.count(Kind::Job, false);
        report.leave_out(Kind::Job, "job 3".into(), "no build".into());
        report.leave_out_all(Kind::Job, 2, "of build 4", "it is left out");
        report.leave_out_all(Kind::Job, 0, "of build 5", "it is left out");
        assert_eq!(report.tally(Kind::Job), Tally { taken: 1, there: 1, left_out: 3 });
        assert_eq!((report.tally(Kind::Job).found(), report.tally(Kind::Log).found()), (5, 0));
        assert_eq!(report.left_out[1].what, "2 jobs of build 4");
    }

    #[test]
    fn every_kind_is_read_back() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse::<Kind>().unwrap(), kind);
        }
    }
}
