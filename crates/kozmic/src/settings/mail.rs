//! Settings of mails.

use super::{
    SettingsFault,
    source::Source,
    values::{self, Parsed},
};
use kozmic_edges::notifier::{Sender, SmtpUrl};

/// Settings of mails.
#[derive(Clone)]
pub(crate) struct MailSettings {
    /// `KOZMIC_SMTP_URL`
    pub(crate) smtp_url: SmtpUrl,
    /// `KOZMIC_MAIL_DEFAULT_SENDER`
    pub(crate) sender: Sender,
    /// `KOZMIC_MAIL_LIMIT`; none: no limit.
    pub(crate) hourly_limit: Option<u32>,
}

/// The settings of mails. By default, mail is on if there is a mail server.
pub(super) fn mail(source: &Source) -> Result<Option<MailSettings>, SettingsFault> {
    let smtp_url = source.parse("smtp_url", smtp_url)?;
    let sender = source.parse("mail_default_sender", sender)?;
    let hourly_limit = source.required("mail_limit", limit)?;
    let is_on = source.parse("enable_email_notifications", values::truth)?;
    if !is_on.unwrap_or(smtp_url.is_some()) {
        return Ok(None);
    }
    let smtp_url = smtp_url.ok_or_else(|| SettingsFault::missing("smtp_url"))?;
    let sender = sender.ok_or_else(|| SettingsFault::missing("mail_default_sender"))?;
    Ok(Some(MailSettings { smtp_url, sender, hourly_limit }))
}

fn smtp_url(text: &str) -> Parsed<SmtpUrl> {
    const RIGHT: &str = "a mail server's address such as smtp://user:password@smtp.example.org:587 or smtps://…, with \
                         %40 for an @ in user or password, and so on";
    text.parse().map_err(|_| RIGHT)
}

fn limit(text: &str) -> Parsed<Option<u32>> {
    const RIGHT: &str = "a number of mails from 1 to 1000, or none for no limit; to send none, set enable_email_notifications to false";
    match text.to_lowercase().as_str() {
        "none" => Ok(None),
        text => text.parse().ok().filter(|mails| (1..=1_000).contains(mails)).map(Some).ok_or(RIGHT),
    }
}

fn sender(text: &str) -> Parsed<Sender> {
    text.parse().map_err(|_| "a mail address such as Kozmic <kozmic@example.org>")
}
