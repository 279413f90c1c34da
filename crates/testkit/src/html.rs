//! Reads pages like a browser, as far as tests need it: tags, their attributes, and forms.

/// A tag of a page, in the order of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The name in lower case. That of an end tag begins with `/`.
    pub name: String,
    /// The attributes with unescaped values.
    pub attributes: Vec<(String, String)>,
    /// The text until the next tag, unescaped.
    pub text: String,
}

/// A form of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The address to which it is sent; empty for the page itself.
    pub action: String,
    /// The method: `get` or `post`.
    pub method: String,
    /// Name and value of each field that would be sent without changes.
    pub fields: Vec<(String, String)>,
}

impl Tag {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Form {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The fields, with these typed values instead of the original ones.
    pub fn filled(&self, typed: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut fields = self.fields.clone();
        fields.retain(|(name, _)| typed.iter().all(|(one, _)| one != name));
        fields.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        fields
    }
}

/// All tags of a page.
pub fn tags(html: &str) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        if let Some(last) = tags.last_mut() {
            last.text = unescape(&rest[..start]);
        }
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let (tag, after) = tag(rest);
        rest = match tag.name.as_str() {
            "script" | "style" => after.find("</").map_or("", |end| &after[end..]),
            _ => after,
        };
        tags.push(tag);
    }
    tags
}

/// All forms of a page.
pub fn forms(html: &str) -> Vec<Form> {
    let mut forms = Vec::new();
    let mut open: Option<Form> = None;
    for tag in tags(html) {
        match (tag.name.as_str(), &mut open) {
            ("form", _) => open = Some(form(&tag)),
            ("/form", _) => forms.extend(open.take()),
            ("input" | "textarea" | "option", Some(form)) => form.fields.extend(field(&tag)),
            _ => {}
        }
    }
    forms
}

fn form(tag: &Tag) -> Form {
    let attribute = |name| tag.attribute(name).unwrap_or_default().to_owned();
    let method = attribute("method").to_lowercase();
    let method = if method == "post" { method } else { "get".to_owned() };
    Form { action: attribute("action"), method, fields: Vec::new() }
}

fn field(tag: &Tag) -> Option<(String, String)> {
    let name = tag.attribute("name")?.to_owned();
    if tag.name == "textarea" {
        let text = tag.text.strip_prefix("\r\n").or(tag.text.strip_prefix('\n')).unwrap_or(&tag.text);
        return Some((name, text.to_owned()));
    }
    let kind = tag.attribute("type").unwrap_or("text");
    let off = ["checkbox", "radio"].contains(&kind) && tag.attribute("checked").is_none();
    let sent = !off && !["submit", "button", "image", "file"].contains(&kind);
    sent.then(|| (name, tag.attribute("value").unwrap_or_default().to_owned()))
}

/// The tag that begins after `<`, and the text after it.
fn tag(html: &str) -> (Tag, &str) {
    let end = html.find(|letter: char| letter.is_whitespace() || letter == '>').unwrap_or(html.len());
    let name = html[..end].trim_end_matches('/').to_lowercase();
    let mut tag = Tag { name, attributes: Vec::new(), text: String::new() };
    let mut rest = html[end..].trim_start();
    while !rest.is_empty() && !rest.starts_with('>') {
        let (attribute, after) = attribute(rest);
        tag.attributes.extend(attribute);
        rest = after.trim_start();
    }
    (tag, rest.strip_prefix('>').unwrap_or(rest))
}

/// One attribute, with or without value, and the text after it.
fn attribute(html: &str) -> (Option<(String, String)>, &str) {
    let end = html.find(|letter: char| letter.is_whitespace() || "=>".contains(letter)).unwrap_or(html.len());
    let name = html[..end].trim_end_matches('/').to_lowercase();
    let rest = html[end..].trim_start();
    let Some(value) = rest.strip_prefix('=') else {
        let named = !name.is_empty();
        return (named.then(|| (name, String::new())), rest);
    };
    let value = value.trim_start();
    let quote = value.chars().next().filter(|letter| "\"'".contains(*letter));
    let (value, after) = match quote {
        Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
        None => {
            let end =
                value.find(|letter: char| letter.is_whitespace() || letter == '>').unwrap_or(value.len());
            value.split_at(end)
        }
    };
    (Some((name, unescape(value))), after)
}

/// Text as it is shown, with its character references resolved.
pub fn unescape(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        result.push_str(before);
        match after.split_once(';').and_then(|(name, tail)| Some((reference(name)?, tail))) {
            Some((letter, tail)) => {
                result.push(letter);
                rest = tail;
            }
            None => {
                result.push('&');
                rest = after;
            }
        }
    }
    result + rest
}

fn reference(name: &str) -> Option<char> {
    let number = name.strip_prefix('#');
    match (name, number) {
        ("amp", _) => Some('&'),
        ("lt", _) => Some('<'),
        ("gt", _) => Some('>'),
        ("quot", _) => Some('"'),
        ("apos", _) => Some('\''),
        ("nbsp", _) => Some('\u{a0}'),
        (_, Some(number)) => {
            let hex = number.strip_prefix(['x', 'X']);
            let code = hex.map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
            code.and_then(char::from_u32)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{forms, tags, unescape};

    #[test]
    fn a_form_is_read_with_what_it_would_send() {
        let html = "<!doctype html><script>if (a<b) '<form>'</script><!-- <form> -->\
            <form method=POST action='/projects/'><input type=\"hidden\" name=csrf_token value=\"a&amp;b\"/>\
            <input name=\"on\" type=checkbox value=1><input type=checkbox name=yes value=1 checked>\
            <textarea name=script>\n#!/bin/bash\nx &lt; y</textarea><button name=b>Go</button></form>";
        let forms = forms(html);
        assert_eq!(forms.len(), 1);
        let form = &forms[0];
        assert_eq!((form.action.as_str(), form.method.as_str()), ("/projects/", "post"));
        assert_eq!(form.field("csrf_token"), Some("a&b"));
        assert_eq!(form.field("script"), Some("#!/bin/bash\nx < y"));
        assert_eq!((form.field("on"), form.field("yes")), (None, Some("1")));
        let filled = form.filled(&[("script", "#!/bin/sh")]);
        assert_eq!(filled.iter().filter(|(name, _)| name == "script").count(), 1);
    }

    #[test]
    fn attributes_are_read_with_and_without_quotes() {
        let main = &tags("<main id=x data-status = \"success\" hidden data-job='3'>text</main>")[0];
        assert_eq!(main.attribute("data-status"), Some("success"));
        assert_eq!((main.attribute("id"), main.attribute("data-job")), (Some("x"), Some("3")));
        assert_eq!((main.attribute("hidden"), main.text.as_str()), (Some(""), "text"));
    }

    #[test]
    fn references_become_letters() {
        assert_eq!(unescape("a &#38; b &#x27;c&#x27; &unknown; & d"), "a & b 'c' &unknown; & d");
    }
}
