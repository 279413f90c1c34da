//! Names of artifacts and images that are made from branches' names, so that two branches never get the same name. The
//! causes of equal names are letters that a name may not have, unclear borders between parts, the case of letters, and
//! cutting.
//!
//! A plain name that lost no letter stays as it is. Any other name gets a suffix that begins with two dots. No branch
//! name has two dots, so no plain name looks like one with a suffix. A slash becomes a dash, so some plain names can be
//! read in several ways (`a-b/c` and `a/b-c`). Such a name belongs to the first that requested it, and the others get
//! the suffix.

use crate::git::GitRef;
use sha2::{Digest, Sha256};

/// The mark between a name and its suffix.
const MARK: &str = "..";

/// Number of hexadecimal digits in a suffix.
const DIGITS: usize = 12;

/// Number of hexadecimal digits of a commit in a versioned name.
const OF_COMMIT: usize = 10;

/// The owner of a name: one branch or tag of one repository, in one role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameOwner(String);

impl NameOwner {
    /// A ref that recipes are about. Upper and lower case make no difference in the names of repositories.
    pub fn recipe(full_name: &str, git_ref: &GitRef) -> Self {
        Self(format!("recipe {} {git_ref}", full_name.to_lowercase()))
    }

    /// The ref of a generic kernel rule.
    pub fn kernel(full_name: &str, git_ref: &GitRef) -> Self {
        Self(format!("kernel {} {git_ref}", full_name.to_lowercase()))
    }

    /// A ref that a dependent kernel rule is about.
    pub fn kernel_part(full_name: &str, git_ref: &GitRef) -> Self {
        Self(format!("kernel part {} {git_ref}", full_name.to_lowercase()))
    }

    /// All dependent rules on one base: they share one link to the newest kernel of a ref. `base` is `owner/name`.
    pub fn kernels_on(base: &str, git_ref: &GitRef) -> Self {
        Self(format!("kernels on {} {git_ref}", base.to_lowercase()))
    }

    /// The text in the database.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that an artifact or image requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The owner that requests it.
    pub owner: NameOwner,
    /// The name without any suffix.
    pub plain: String,
    /// The name with its suffix, which nobody else has.
    pub suffixed: String,
    /// True if the plain name may be used, if nobody else has it.
    pub is_certain: bool,
}

impl Wish {
    /// A request for a name. `tail` follows the suffix. The suffixed name has at most `longest` bytes.
    pub(crate) fn new(owner: NameOwner, plain: String, tail: &str, longest: usize, is_certain: bool) -> Self {
        let suffixed = with_suffix(&plain, tail, &owner, longest);
        Self { owner, plain, suffixed, is_certain }
    }

    /// The names to try, in this order.
    pub fn candidates(&self) -> impl Iterator<Item = &str> {
        Some(self.plain.as_str()).filter(|_| self.is_certain).into_iter().chain([self.suffixed.as_str()])
    }

    /// The name to use if no names are taken yet.
    pub fn first(&self) -> &str {
        if self.is_certain { &self.plain } else { &self.suffixed }
    }
}

/// A name without directories: every character but a letter, digit, `.`, `_` or `-` becomes a dash, and a dot at the
/// beginning too.
pub fn flat(text: &str) -> String {
    let is_kept = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let name = text.chars().map(|letter| if is_kept(letter) { letter } else { '-' }).collect::<String>();
    match name.strip_prefix('.') {
        Some(rest) => format!("-{rest}"),
        None => name,
    }
}

/// True if the flat name shows the whole text, except that slashes are dashes.
pub(crate) fn is_flat(text: &str) -> bool {
    !text.contains(MARK) && flat(text) == text.replace('/', "-")
}

/// True if the name could be that of one version of an artifact: `…-0123456789`, with or without an extension.
pub(crate) fn looks_versioned(name: &str) -> bool {
    let Some((_, last)) = name.rsplit_once('-') else { return false };
    let commit = last.split('.').next().unwrap_or_default();
    let is_digit = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    commit.len() == OF_COMMIT && commit.bytes().all(is_digit) && !last.contains(MARK)
}

/// The name with its suffix before its tail. The suffix depends on the owner and the whole name, so it stays distinct
/// even if the name is cut.
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
    // A third dot at the end of the stem would make the border of the suffix unclear.
    format!("{}{MARK}{digits}{tail}", stem.trim_end_matches('.'))
}

#[cfg(test)]
mod tests;
