//! Pages of long lists: `page`, `per_page`, and the `Link` header that leads on.

use axum::Json;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use url::form_urlencoded;

use super::call::Call;

/// Items on a page if the call does not say.
const USUAL: usize = 30;
/// The most items on a page.
const MOST: usize = 100;

impl Call {
    /// The page of these items that the call asks for, with its `Link` header.
    pub(super) fn page(&self, path: &str, items: Vec<Value>) -> Response {
        let (page, size) = (self.number("page").unwrap_or(1).max(1), self.page_size());
        let last = items.len().div_ceil(size).max(1);
        let part: Vec<_> = items.into_iter().skip((page - 1) * size).take(size).collect();
        let mut response = Json(part).into_response();
        let link = links(page, last).into_iter().map(|(relation, number)| {
            format!("<{}?{}>; rel=\"{relation}\"", self.double.api(path), self.query_of_page(number))
        });
        let link = link.collect::<Vec<_>>().join(", ");
        if let (false, Ok(link)) = (link.is_empty(), HeaderValue::from_str(&link)) {
            response.headers_mut().insert("link", link);
        }
        response
    }

    fn page_size(&self) -> usize {
        let size = self.number("per_page").unwrap_or(USUAL);
        if size > MOST || size == 0 {
            self.wrong(&format!("per_page is {size}, but at most {MOST}"));
        }
        size.clamp(1, MOST)
    }

    fn number(&self, name: &str) -> Option<usize> {
        let value = self.parameter(name)?;
        let number = value.parse().ok();
        if number.is_none() {
            self.wrong(&format!("{name} is {value:?}, which is no number"));
        }
        number
    }

    fn query_of_page(&self, number: usize) -> String {
        let others = self.query.iter().filter(|(key, _)| key != "page");
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(others)
            .append_pair("page", &number.to_string())
            .finish()
    }
}

/// Pages that the header leads to, in GitHub's order.
fn links(page: usize, last: usize) -> Vec<(&'static str, usize)> {
    let mut links = Vec::new();
    if page > 1 {
        links.push(("prev", (page - 1).min(last)));
    }
    if page < last {
        links.extend([("next", page + 1), ("last", last)]);
    }
    if page > 1 {
        links.push(("first", 1));
    }
    links
}

#[cfg(test)]
mod tests {
    use super::links;

    #[test]
    fn a_single_page_leads_nowhere() {
        assert!(links(1, 1).is_empty());
    }

    #[test]
    fn a_page_in_the_middle_leads_everywhere() {
        assert_eq!(links(2, 3), [("prev", 1), ("next", 3), ("last", 3), ("first", 1)]);
        assert_eq!(links(3, 3), [("prev", 2), ("first", 1)]);
    }
}
