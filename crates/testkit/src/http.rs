//! The HTTP clients of the testkit.

use reqwest::ClientBuilder;

/// A builder of clients that can use TLS without further set-up.
pub(crate) fn builder() -> ClientBuilder {
    // A second installation is refused, which is fine: one exists then.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().no_proxy()
}
