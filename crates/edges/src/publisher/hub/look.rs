//! Asks a hub about a list. This shows if an upload succeeded whose answer was lost.

use super::{Hub, answer};
use crate::publisher::PublishError;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The longest time for the whole answer.
const CALL: Duration = Duration::from_secs(60);

/// The most bytes that are read of a hub's list: some fifty thousand names.
const LIMIT: usize = 8 << 20;

/// A hub's answer about a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// The hub has the list; it was uploaded at this time (the hub's own, in seconds since 1970).
    There(i64),
    /// The hub does not have the list.
    Missing,
    /// The hub does not tell.
    Silent,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    #[serde(default)]
    updated: Value,
}

impl Hub {
    /// The hub's answer about the list with that name.
    ///
    /// # Errors
    /// The hub does not answer.
    pub async fn look(&self, flist: &str) -> Result<Look, PublishError> {
        let url = self.address_of(&["api", "flist", &self.insides.user]);
        let request = self.insides.http.get(url).timeout(CALL);
        let response = request.send().await.map_err(|fault| self.unreachable(fault))?;
        match response.status() {
            // Nothing was ever uploaded.
            StatusCode::NOT_FOUND => return Ok(Look::Missing),
            status if !status.is_success() => return Ok(Look::Silent),
            _ => {}
        }
        let body = answer::body(response, &self.place(), LIMIT).await?;
        Ok(found(&body, flist))
    }
}

fn found(body: &[u8], flist: &str) -> Look {
    let Ok(entries) = serde_json::from_slice::<Vec<Entry>>(body) else { return Look::Silent };
    match entries.into_iter().find(|entry| entry.name == flist) {
        None => Look::Missing,
        Some(entry) => entry.updated.as_i64().map_or(Look::Silent, Look::There),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_found_by_its_name() {
        let body = br#"[{"name":"a.flist","size":"1.00 KB","updated":7,"type":"regular"},
            {"name":"b.flist","size":"--","updated":8,"type":"symlink","target":"a.flist"}]"#;
        assert_eq!(found(body, "a.flist"), Look::There(7));
        assert_eq!(found(body, "c.flist"), Look::Missing);
        for odd in [&body[..40], b"{}", b"<html>", br#"[{"name":"a.flist"}]"#] {
            assert_eq!(found(odd, "a.flist"), Look::Silent);
        }
    }
}
