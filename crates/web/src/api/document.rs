//! The description of the API, in OpenAPI's words. It is written by hand; the tests here keep it true.

use axum::{
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};

const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /api/v1/openapi.json`: for everybody.
pub(super) async fn show() -> Response {
    let about = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    (about, DOCUMENT).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{
            routes,
            words::{BuildWord, JobWord, ProjectWord, UserWord},
        },
        app::Face,
        pages::samples,
    };
    use axum_extra::extract::cookie::Key;
    use kozmic_model::{
        phase::{Phase, PhaseKind},
        project::Role,
        status::Status,
        time::Timestamp,
    };
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    fn face() -> Face {
        Face {
            public_url: "https://ci.example.org/".parse().unwrap(),
            cookie_key: Key::from(&[7; 64]),
            forge_name: "GitHub".into(),
            invited: Vec::new(),
            auto_builder: None,
        }
    }

    fn keys(value: &Value) -> BTreeSet<String> {
        value.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect()
    }

    #[test]
    fn every_address_is_described_and_every_description_has_an_address() {
        let served =
            routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect::<BTreeSet<_>>();
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let of_path = |(path, methods): (&String, &Value)| {
            keys(methods)
                .into_iter()
                .filter(|key| key != "parameters")
                .map(|method| format!("{method} {path}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(served, paths.iter().flat_map(of_path).collect::<BTreeSet<_>>());
    }

    #[test]
    fn every_part_of_an_address_is_described() {
        for (path, methods) in document()["paths"].as_object().unwrap() {
            for (method, about) in methods.as_object().unwrap() {
                let named = about["parameters"].as_array().into_iter().flatten();
                let named = named
                    .filter_map(|one| Some(one["$ref"].as_str()?.rsplit('/').next()?.to_owned()))
                    .collect::<Vec<_>>();
                for part in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                    assert!(named.iter().any(|name| name == part), "{method} {path}: {part}");
                }
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let references = DOCUMENT.split("\"$ref\": \"#").skip(1).filter_map(|rest| rest.split('"').next());
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }

    #[test]
    fn what_is_said_has_the_fields_that_are_described() {
        let (face, document) = (face(), document());
        let mut job = samples::job(Status::Failure);
        job.phases = vec![Phase::begin(PhaseKind::Build, Timestamp(0))];
        let job = json!(JobWord::of(job, &[], &face));
        let attempt = job["attempts"][0].clone();
        let said = [
            ("User", json!(UserWord::of(samples::frame().user))),
            ("Project", json!(ProjectWord::of(samples::project(), Role::Owner, &face))),
            ("Build", json!(BuildWord::of(samples::build(Status::Success), &face))),
            ("Phase", attempt["phases"][0].clone()),
            ("Attempt", attempt),
            ("Job", job),
        ];
        for (name, said) in said {
            let schema = &document["components"]["schemas"][name];
            assert_eq!(keys(&said), keys(&schema["properties"]), "{name}");
            let required = schema["required"].as_array().unwrap();
            assert_eq!(required.len(), keys(&said).len(), "{name}: all fields are always there");
        }
    }

    #[test]
    fn every_status_is_described() {
        let words = Status::ALL.map(Status::word);
        assert_eq!(document()["components"]["schemas"]["Status"]["enum"], json!(words));
    }
}
