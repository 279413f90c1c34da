//! Style sheets and scripts, built into the program. Their names carry a hash, so that browsers can keep them for ever.

use crate::{address::At, error::WebError};
use axum::{
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use std::{collections::HashMap, sync::LazyLock};

/// One file as it is served.
struct Asset {
    name: String,
    content_type: &'static str,
    text: String,
}

const STYLES: &str = concat!(
    include_str!("../static/css/tokens.css"),
    include_str!("../static/css/frame.css"),
    include_str!("../static/css/parts.css"),
    include_str!("../static/css/forms.css"),
    include_str!("../static/css/log.css"),
    include_str!("../static/css/monitor.css"),
);

/// All files. A script stands after those that it imports, because it contains their names with the hashes.
const SOURCES: &[(&str, &str)] = &[
    ("kozmic.css", STYLES),
    ("planet.svg", include_str!("../static/planet.svg")),
    ("widths.js", include_str!("../static/widths.js")),
    ("ansi.js", include_str!("../static/ansi.js")),
    ("cells.js", include_str!("../static/cells.js")),
    ("sequence.js", include_str!("../static/sequence.js")),
    ("terminal.js", include_str!("../static/terminal.js")),
    ("colour.js", include_str!("../static/colour.js")),
    ("lines.js", include_str!("../static/lines.js")),
    ("range.js", include_str!("../static/range.js")),
    ("scroll.js", include_str!("../static/scroll.js")),
    ("viewer.js", include_str!("../static/viewer.js")),
    ("socket.js", include_str!("../static/socket.js")),
    ("feed.js", include_str!("../static/feed.js")),
    ("log.js", include_str!("../static/log.js")),
    ("times.js", include_str!("../static/times.js")),
    ("filter.js", include_str!("../static/filter.js")),
    ("live.js", include_str!("../static/live.js")),
    ("page.js", include_str!("../static/page.js")),
    ("cards.js", include_str!("../static/cards.js")),
    ("monitor.js", include_str!("../static/monitor.js")),
];

static ASSETS: LazyLock<HashMap<&'static str, Asset>> = LazyLock::new(|| {
    let mut assets = HashMap::<&'static str, Asset>::new();
    for (source, text) in SOURCES {
        let text = assets.iter().fold((*text).to_owned(), |text, (known, asset)| {
            text.replace(&format!("'./{known}'"), &format!("'./{}'", asset.name))
        });
        assets
            .insert(source, Asset { name: hashed(source, &text), content_type: content_type(source), text });
    }
    assets
});

static BY_NAME: LazyLock<HashMap<&'static str, &'static Asset>> =
    LazyLock::new(|| ASSETS.values().map(|asset| (asset.name.as_str(), asset)).collect());

/// The address of a file, such as `/static/kozmic.1f3a….css` for `kozmic.css`.
pub(crate) fn url(source: &str) -> String {
    let name = ASSETS.get(source).map_or(source, |asset| asset.name.as_str());
    format!("/static/{name}")
}

/// `GET /static/<name>.<hash>.<ext>`
pub(crate) async fn serve(At(name): At<String>) -> Result<Response, WebError> {
    let asset = BY_NAME.get(name.as_str()).ok_or(WebError::NotFound)?;
    let headers =
        [(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.text.as_str()).into_response())
}

fn hashed(source: &str, text: &str) -> String {
    let digest = hex::encode(Sha256::digest(text));
    match source.split_once('.') {
        Some((stem, extension)) => format!("{stem}.{}.{extension}", &digest[..12]),
        None => format!("{source}.{}", &digest[..12]),
    }
}

fn content_type(source: &str) -> &'static str {
    match source.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    mod widths;

    use super::*;

    #[test]
    fn a_name_changes_with_its_text_and_only_with_it() {
        assert_eq!(hashed("a.css", "x"), hashed("a.css", "x"));
        assert_ne!(hashed("a.css", "x"), hashed("a.css", "y"));
        assert!(hashed("a.css", "x").starts_with("a.") && hashed("a.css", "x").ends_with(".css"));
    }

    #[test]
    fn scripts_import_each_other_by_their_served_names() {
        for asset in ASSETS.values().filter(|asset| asset.content_type.contains("javascript")) {
            for line in asset.text.lines().filter(|line| line.starts_with("import ")) {
                let name = line.split("'./").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
                assert!(BY_NAME.contains_key(name), "{} imports {name}", asset.name);
            }
        }
    }

    #[test]
    fn no_file_asks_another_host_for_anything() {
        for asset in ASSETS.values() {
            let foreign = asset.text.replace("http://www.w3.org/2000/svg", "");
            assert!(!foreign.contains("http://") && !foreign.contains("https://"), "{}", asset.name);
            assert!(!asset.text.contains("innerHTML"), "{}", asset.name);
        }
    }

    #[test]
    fn every_script_that_exists_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/static");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let served = SOURCES.iter().any(|(source, _)| *source == name);
            assert!(served || !name.ends_with(".js"), "{name} is not served");
        }
    }
}
