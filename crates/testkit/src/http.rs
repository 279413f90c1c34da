//! HTTP clients, as all parts of the testkit make them.

use reqwest::ClientBuilder;

/// A builder whose client can do TLS without further set-up.
pub(crate) fn builder() -> ClientBuilder {
    // A second installation is refused, which is fine: there is one then.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().no_proxy()
}
