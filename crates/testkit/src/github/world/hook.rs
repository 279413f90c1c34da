//! A webhook of a repository: where GitHub sends word of a push.

/// A webhook of a repository.
#[derive(Debug, Clone)]
pub struct Hook {
    /// GitHub's number for it.
    pub id: u64,
    /// Address that deliveries go to.
    pub url: String,
    /// Secret that deliveries are signed with.
    pub secret: Option<String>,
    /// `json` or `form`.
    pub content_type: String,
    /// `"1"` if certificates are not checked.
    pub insecure_ssl: String,
    /// The events that it wants.
    pub events: Vec<String>,
    /// True if deliveries are sent.
    pub active: bool,
    pub(in crate::github) created_at: String,
    pub(in crate::github) updated_at: String,
    pub(in crate::github) last_response: (Option<u16>, String),
}

impl Hook {
    /// True if this event is to be delivered to it.
    pub(in crate::github) fn wants(&self, event: &str) -> bool {
        self.active && self.events.iter().any(|one| one == event || one == "*")
    }
}
