//! Decrypts the original's deploy keys: RSA, as PEM under a passphrase from the repository's number and the
//! installation's `SECRET_KEY`.
//!
//! The encryption is the old one of OpenSSL for `BEGIN RSA PRIVATE KEY` (RFC 1421's headers; the key is MD5 over
//! passphrase and salt, as `EVP_BytesToKey` computes it). Nothing else in Kozmic uses MD5 or Triple DES.

use super::SecretKey;
use base64::{Engine, engine::general_purpose::STANDARD};
use cbc::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use md5::{Digest, Md5};
use secrecy::SecretString;
use sha2::Sha256;

const BEGIN: &str = "-----BEGIN RSA PRIVATE KEY-----";
const END: &str = "-----END RSA PRIVATE KEY-----";

/// The reason why a deploy key cannot be decrypted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum KeyFault {
    /// The secret key is a different one.
    #[error("the secret key does not open it")]
    WrongSecretKey,
    /// It is not PEM, or encrypted in another way.
    #[error("it is not a key as the original keeps them")]
    Unreadable,
    /// It can be decrypted, but belongs to another public key.
    #[error("its private and public part do not belong together")]
    OtherPublicKey,
}

/// A deploy key as the original's database has it.
pub(crate) struct SealedKey<'a> {
    /// PEM, encrypted.
    pub(crate) private: &'a str,
    /// The form of `authorized_keys`.
    pub(crate) public: &'a str,
    /// GitHub's number of the repository.
    pub(crate) repository: i64,
}

impl SealedKey<'_> {
    /// The private part as unencrypted PEM, and the public part without its comment.
    ///
    /// # Errors
    /// The secret key is not the installation's, or the key is damaged.
    pub(crate) fn open(&self, secret_key: &SecretKey) -> Result<(SecretString, String), KeyFault> {
        let mut first_fault = None;
        for reading in secret_key.readings() {
            match self.open_with(reading) {
                Err(fault) => first_fault = first_fault.or(Some(fault)),
                opened => return opened,
            }
        }
        Err(first_fault.unwrap_or(KeyFault::WrongSecretKey))
    }

    fn open_with(&self, secret_key: &[u8]) -> Result<(SecretString, String), KeyFault> {
        let (public, exponent, modulus) = public_part(self.public).ok_or(KeyFault::Unreadable)?;
        let (salt, mut content) = sealed_part(self.private).ok_or(KeyFault::Unreadable)?;
        let mut passphrase = format!("{}:", self.repository).into_bytes();
        passphrase.extend_from_slice(secret_key);
        let passphrase = hex::encode(Sha256::digest(&passphrase));
        let opened = cbc::Decryptor::<des::TdesEde3>::new(&drawn_key(&passphrase, salt).into(), &salt.into())
            .decrypt_padded::<Pkcs7>(&mut content)
            .map_err(|_| KeyFault::WrongSecretKey)?;
        // One of 256 wrong keys leaves a valid padding, but not a key.
        let (own_modulus, own_exponent) = private_part(opened).ok_or(KeyFault::WrongSecretKey)?;
        match own_modulus == modulus && own_exponent == exponent {
            true => Ok((pem(opened), public)),
            false => Err(KeyFault::OtherPublicKey),
        }
    }
}

fn drawn_key(passphrase: &str, salt: [u8; 8]) -> [u8; 24] {
    let first = Md5::new().chain_update(passphrase).chain_update(salt).finalize();
    let second = Md5::new().chain_update(first).chain_update(passphrase).chain_update(salt).finalize();
    let mut key = [0; 24];
    key[..16].copy_from_slice(&first);
    key[16..].copy_from_slice(&second[..8]);
    key
}

/// Salt and content of an encrypted PEM.
fn sealed_part(pem: &str) -> Option<([u8; 8], Vec<u8>)> {
    let mut lines = pem.trim().lines().map(str::trim);
    (lines.next()? == BEGIN && lines.next()? == "Proc-Type: 4,ENCRYPTED").then_some(())?;
    let salt = hex::decode(lines.next()?.strip_prefix("DEK-Info: DES-EDE3-CBC,")?).ok()?;
    let body = lines.take_while(|line| *line != END).collect::<String>();
    Some((salt.try_into().ok()?, STANDARD.decode(body).ok()?))
}

fn pem(content: &[u8]) -> SecretString {
    let body = STANDARD.encode(content);
    let mut text = format!("{BEGIN}\n");
    for line in body.as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.push_str(END);
    text.push('\n');
    text.into()
}

/// Modulus and public exponent of a private key: an ASN.1 sequence of version, modulus, exponent and more
/// (RFC 8017, A.1.2).
fn private_part(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, rest) = element(content, 0x30)?;
    rest.is_empty().then_some(())?;
    let (_version, rest) = element(sequence, 0x02)?;
    let (modulus, rest) = element(rest, 0x02)?;
    let (exponent, _) = element(rest, 0x02)?;
    Some((without_zeros(modulus), without_zeros(exponent)))
}

/// The content of the element with this tag at the start, and the bytes after it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [first, length, rest @ ..] = bytes else { return None };
    (*first == tag).then_some(())?;
    let (length, rest) = match usize::from(*length) {
        short @ 0..=0x7f => (short, rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(long - 0x80)?;
            (digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// A public key without its comment, with its exponent and its modulus (RFC 4253, 6.6).
fn public_part(line: &str) -> Option<(String, Vec<u8>, Vec<u8>)> {
    let mut words = line.split_whitespace();
    (words.next()? == "ssh-rsa").then_some(())?;
    let body = words.next()?;
    let content = STANDARD.decode(body).ok()?;
    let (kind, rest) = string(&content)?;
    let (exponent, rest) = string(rest)?;
    let (modulus, rest) = string(rest)?;
    (kind == b"ssh-rsa" && rest.is_empty()).then_some(())?;
    let own = |number| without_zeros(number).to_vec();
    Some((format!("ssh-rsa {body}"), own(exponent), own(modulus)))
}

fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    /// Made for these tests: `openssl genrsa -traditional -des3`, for repository 4002 and the secret key below.
    const PRIVATE: &str = include_str!("key/sealed.pem");
    const PUBLIC: &str = include_str!("key/sealed.pub");

    fn open(private: &str, repository: i64, secret_key: &str) -> Result<(SecretString, String), KeyFault> {
        let secret_key = SecretKey::read(secret_key.as_bytes()).unwrap();
        SealedKey { private, public: PUBLIC, repository }.open(&secret_key)
    }

    #[test]
    fn a_key_opens_with_its_repository_and_its_secret_key() {
        let (private, public) = open(PRIVATE, 4002, "the old secret").unwrap();
        assert!(private.expose_secret().starts_with("-----BEGIN RSA PRIVATE KEY-----\nMII"));
        assert!(private.expose_secret().lines().all(|line| line.len() <= 64));
        assert!(PUBLIC.starts_with(&public) && public.split(' ').count() == 2);
        assert!(open(PRIVATE, 4002, r"b'the\x20old\040secret'").is_ok(), "as Python's settings write it");
        assert_eq!(open(PRIVATE, 4002, "another secret").unwrap_err(), KeyFault::WrongSecretKey);
        assert_eq!(open(PRIVATE, 4003, "the old secret").unwrap_err(), KeyFault::WrongSecretKey);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "-----BEGIN RSA PRIVATE KEY-----", &PRIVATE[..200], &PRIVATE.replace("EDE3", "EDE2")]
        {
            assert!(open(text, 4002, "the old secret").is_err(), "{text}");
        }
        let public = PUBLIC.replace("AQAB", "AQAD");
        let key = SealedKey { private: PRIVATE, public: &public, repository: 4002 };
        assert_eq!(
            key.open(&SecretKey::read(b"the old secret").unwrap()).unwrap_err(),
            KeyFault::OtherPublicKey
        );
    }
}
