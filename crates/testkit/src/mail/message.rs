//! One mail, decoded and split into its parts as a mail program does it.

use std::fmt;

use anyhow::{Context, Result};
use mail_parser::{Address, MessageParser, PartType};

/// A mail that arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The sender's address in the header.
    pub from: String,
    /// The recipients' addresses in the header.
    pub to: Vec<String>,
    /// The addresses to which it was delivered. The header need not contain them.
    pub recipients: Vec<String>,
    /// The decoded subject.
    pub subject: String,
    /// The part in plain text.
    pub text: Option<String>,
    /// The part in HTML.
    pub html: Option<String>,
    headers: Vec<(String, String)>,
}

impl Mail {
    /// Parses a mail.
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self> {
        let message = MessageParser::default().parse(&bytes).context("that is no mail")?;
        let headers = message.headers_raw().map(|(name, value)| (name.to_owned(), unfold(value))).collect();
        let text = message.parts.iter().find_map(|part| match &part.body {
            PartType::Text(text) => Some(text.replace("\r\n", "\n")),
            _ => None,
        });
        let html = message.parts.iter().find_map(|part| match &part.body {
            PartType::Html(html) => Some(html.replace("\r\n", "\n")),
            _ => None,
        });
        let mut mail = Self {
            from: addresses(message.from()).into_iter().next().unwrap_or_default(),
            to: addresses(message.to()),
            recipients: Vec::new(),
            subject: message.subject().unwrap_or_default().to_owned(),
            text,
            html,
            headers,
        };
        let recipients = mail.header("X-RcptTo").unwrap_or_default().split(", ").map(str::to_owned);
        mail.recipients = recipients.collect();
        Ok(mail)
    }

    /// The value of a header as it was sent, joined to one line.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(one, _)| one.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, recipients, subject, text, .. } = self;
        write!(formatter, "{subject:?} from {from} to {recipients:?}: {text:?}")
    }
}

fn addresses(list: Option<&Address<'_>>) -> Vec<String> {
    let list = list.into_iter().flat_map(Address::iter);
    list.filter_map(|one| one.address().map(str::to_owned)).collect()
}

fn unfold(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::Mail;

    #[test]
    fn what_is_encoded_is_decoded() {
        let bytes = b"X-RcptTo: bob@example.com, eve@example.com\r\nFrom: Kozmic <ci@example.com>\r\n\
            To: Bob <bob@example.com>\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?Q?_hin?=\r\n\
            Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
            Sch=C3=B6n\r\n";
        let mail = Mail::read(bytes.to_vec()).unwrap();
        assert_eq!((mail.subject.as_str(), mail.text.as_deref()), ("Grüße hin", Some("Schön\n")));
        assert_eq!((mail.from.as_str(), mail.to.len(), mail.recipients.len()), ("ci@example.com", 1, 2));
        assert_eq!(mail.html, None);
    }
}
