//! Random texts as addresses and as keys: nothing crashes, and no message shows the password.

use super::{address::Address, secret_key::SecretKey};
use proptest::{collection::vec, prelude::*, sample::select};

const SIGNS: &[&str] = &[
    "'",
    "\"",
    "\\",
    "\\x",
    "\\0",
    "\\u",
    "b",
    "r",
    "u",
    "\n",
    "SECRET_KEY",
    "=",
    " ",
    "#",
    "f",
    "4",
    "'''",
    "\\\n",
    "\u{ff}",
];

proptest! {
    #[test]
    fn any_key_means_its_bytes_first(signs in vec(select(SIGNS), 0..12), bytes in vec(any::<u8>(), 0..6)) {
        let written = [signs.concat().as_bytes(), &bytes].concat();
        let bare = written.iter().rposition(|byte| !b"\r\n".contains(byte)).map(|end| &written[..=end]);
        let key = SecretKey::read(&written);
        let readings = key.iter().flat_map(SecretKey::readings).collect::<Vec<_>>();
        prop_assert_eq!(readings.first().copied(), bare);
        prop_assert!(readings.len() <= 2 && readings.iter().all(|key| key.len() <= written.len()));
    }

    #[test]
    fn no_address_tells_its_password(
        before in "[a-z+:/@?#%\\[\\]]{0,12}", behind in "[a-z0-9:/@?#%\\[\\].]{0,20}",
    ) {
        match Address::parse(&format!("{before}://me:hush{behind}")) {
            Ok(address) => prop_assert!(address.source.starts_with("mysql://")),
            Err(fault) => prop_assert!(!format!("{fault:#}").contains("hush"), "{fault:#}"),
        }
    }
}
