//! Names that are made of branches, and how two of them never meet: not by a letter that has no place in a name, not by
//! where one part ends, not by the case of letters, not by what is cut off.
//!
//! A plain name that lost no letter stays as it is. Any other gets a suffix, which begins with two dots: no branch's name
//! has them, so no plain name looks like that. A slash becomes a dash, so some plain names can be read in several ways
//! (`a-b/c` and `a/b-c`): each of those belongs to the first that had it, and the others take theirs with the suffix.

use crate::git::GitRef;
use sha2::{Digest, Sha256};

/// The mark between a name and its suffix.
const MARK: &str = "..";

/// Number of hexadecimal digits in a suffix.
const DIGITS: usize = 12;

/// Number of hexadecimal digits of a commit in a versioned name.
const OF_COMMIT: usize = 10;

/// Owner of a name: one branch or tag of one repository, in one role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameOwner(String);

impl NameOwner {
    /// A ref that recipes are about. GitHub makes no difference between cases of letters in repositories' names.
    pub fn recipe(full_name: &str, git_ref: &GitRef) -> Self {
        Self(format!("recipe {} {git_ref}", full_name.to_lowercase()))
    }

    /// A ref that a generic kernel rule is about.
    pub fn kernel(full_name: &str, git_ref: &GitRef) -> Self {
        Self(format!("kernel {} {git_ref}", full_name.to_lowercase()))
    }

    /// A ref that a dependent kernel rule is about.
    pub fn kernel_part(full_name: &str, git_ref: &GitRef) -> Self {
        Self(format!("kernel part {} {git_ref}", full_name.to_lowercase()))
    }

    /// All dependent rules on one base, which lead one link to the newest kernel of a ref. `base` is `owner/name`.
    pub fn kernels_on(base: &str, git_ref: &GitRef) -> Self {
        Self(format!("kernels on {} {git_ref}", base.to_lowercase()))
    }

    /// As the database has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that somebody wishes for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The owner that wishes for it.
    pub owner: NameOwner,
    /// The name without any suffix.
    pub plain: String,
    /// The name with its suffix: nobody else's.
    pub suffixed: String,
    /// Whether the plain name will do, if nobody else has it.
    pub is_certain: bool,
}

impl Wish {
    /// A wish for a name. `tail` is what stands at its end behind the suffix; it has at most `longest` bytes then.
    pub(crate) fn new(owner: NameOwner, plain: String, tail: &str, longest: usize, is_certain: bool) -> Self {
        let suffixed = with_suffix(&plain, tail, &owner, longest);
        Self { owner, plain, suffixed, is_certain }
    }

    /// The names to try, in this order.
    pub fn candidates(&self) -> impl Iterator<Item = &str> {
        Some(self.plain.as_str()).filter(|_| self.is_certain).into_iter().chain([self.suffixed.as_str()])
    }

    /// The name where nothing else has one.
    pub fn first(&self) -> &str {
        if self.is_certain { &self.plain } else { &self.suffixed }
    }
}

/// A name without directories: whatever is no letter, digit, `.`, `_` or `-` becomes a dash, and it does not begin
/// with a dot.
pub fn flat(text: &str) -> String {
    let is_kept = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let name = text.chars().map(|letter| if is_kept(letter) { letter } else { '-' }).collect::<String>();
    match name.strip_prefix('.') {
        Some(rest) => format!("-{rest}"),
        None => name,
    }
}

/// Whether the flat name of a text says all of it, but for slashes, which are dashes there.
pub(crate) fn is_flat(text: &str) -> bool {
    !text.contains(MARK) && flat(text) == text.replace('/', "-")
}

/// Whether a name could be that of one version of an artifact: `…-0123456789`, and perhaps an extension.
pub(crate) fn looks_versioned(name: &str) -> bool {
    let Some((_, last)) = name.rsplit_once('-') else { return false };
    let commit = last.split('.').next().unwrap_or_default();
    let is_digit = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    commit.len() == OF_COMMIT && commit.bytes().all(is_digit) && !last.contains(MARK)
}

/// A name with its suffix before its tail. The suffix tells the owner and the whole name from all others, whatever is
/// cut off.
fn with_suffix(plain: &str, tail: &str, owner: &NameOwner, longest: usize) -> String {
    let mut hash = Sha256::new();
    for part in [owner.as_str(), plain] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digits = &hex::encode(hash.finalize())[..DIGITS];
    let stem = plain.strip_suffix(tail).unwrap_or(plain);
    let room = longest.saturating_sub(MARK.len() + DIGITS + tail.len());
    let stem = &stem[..stem.floor_char_boundary(room)];
    // Two dots are two dots: a third one could belong to either side.
    format!("{}{MARK}{digits}{tail}", stem.trim_end_matches('.'))
}

#[cfg(test)]
mod tests;
