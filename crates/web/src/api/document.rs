//! The description of the API in OpenAPI. It is written by hand, and the tests here compare it with the code.

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
            words::{AuditWord, BuildWord, JobWord, ProjectWord, RunnerWord, UserWord},
        },
        pages::samples,
        tests::trial::face,
    };
    use kozmic_model::{
        artifact::{Artifact, ArtifactName, ArtifactPlace, Format},
        audit::{Action, Actor, AuditEntry, Deed},
        ids::{ArtifactId, AuditEntryId, BuildId, HookId, JobId, ProjectId, UserId},
        phase::{Phase, PhaseKind},
        project::Role,
        runner::{Forks, Runner, RunnerState},
        spec::{KernelKind, Origin},
        spent::Spent,
        status::Status,
        time::Timestamp,
    };
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    const PHASES: [PhaseKind; 7] = [
        PhaseKind::Pull,
        PhaseKind::Checkout,
        PhaseKind::Install,
        PhaseKind::Build,
        PhaseKind::Commit,
        PhaseKind::Publish,
        PhaseKind::Check,
    ];

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    fn artifact() -> Artifact {
        Artifact {
            id: ArtifactId(1),
            project: ProjectId(1),
            build: BuildId(5),
            job: JobId(9),
            format: Format::Flist,
            name: ArtifactName { versioned: "show-1.tar.gz".into(), stable: "show.flist".into() },
            place: ArtifactPlace::Binaries,
            size: 10,
            sha256: "ab".repeat(32),
            pushed_at: Timestamp(0),
            created_at: Timestamp(0),
            removed_at: None,
        }
    }

    fn person() -> Actor {
        Actor::Person { user: UserId(1), login: "anna".into(), token: None }
    }

    fn entry() -> AuditEntry {
        let deed = Deed::new(Action::HookAdded, Some(ProjectId(1)), "Tests");
        let (id, at, project_name) = (AuditEntryId(1), Timestamp(0), "anna/hello".into());
        AuditEntry { id, at, actor: person(), deed, project_name }
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
    fn every_address_says_which_scope_it_takes() {
        let document = document();
        for route in routes().iter().filter(|route| route.path != "/openapi.json") {
            let security = &document["paths"][route.path][route.method]["security"];
            assert_eq!(
                *security,
                json!([{ "token": [route.scope.word()] }]),
                "{} {}",
                route.method,
                route.path
            );
        }
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
        let (face, document) = (face(None), document());
        let mut job = samples::job(Status::Failure);
        job.phases = vec![Phase::begin(PhaseKind::Build, Timestamp(0))];
        let job = json!(JobWord::of(job, &[], vec![artifact()], &face));
        let attempt = job["attempts"][0].clone();
        let runner = json!(RunnerWord::of(Runner::new("0a1b2c3d4e5f"), Timestamp(0), true));
        let said = [
            ("User", json!(UserWord::of(samples::frame().user))),
            ("Project", json!(ProjectWord::of(samples::project(), Role::Owner, &face))),
            ("Build", json!(BuildWord::of(samples::build(Status::Success), Spent::default(), &face))),
            ("Phase", attempt["phases"][0].clone()),
            ("Attempt", attempt),
            ("AuditEntry", json!(AuditWord::of(entry()))),
            ("Artifact", job["artifacts"][0].clone()),
            ("RunnerRules", runner["rules"].clone()),
            ("Runner", runner),
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
    fn every_phase_format_and_origin_is_described() {
        let document = document();
        let words = |schema: &str, field: &str| {
            document["components"]["schemas"][schema]["properties"][field]["enum"].clone()
        };
        assert_eq!(words("Phase", "name"), json!(PHASES.map(PhaseKind::word)));
        let formats = [Format::Flist, Format::Binary, Format::Directory, Format::Kernel];
        assert_eq!(words("Artifact", "format"), json!(formats.map(Format::word)));
        let recipe = Origin::Recipe { script: String::new(), tag: None };
        let origins =
            [Origin::Hook(HookId(1)), recipe, Origin::Kernel(KernelKind::Generic), Origin::Configuration];
        assert_eq!(words("Job", "origin"), json!(origins.map(|origin| origin.word())));
    }

    #[test]
    fn every_action_and_actor_is_described() {
        let document = document();
        let entry = &document["components"]["schemas"]["AuditEntry"]["properties"];
        assert_eq!(
            entry["action"]["enum"],
            json!(Action::ALL.iter().map(|it| it.word()).collect::<Vec<_>>())
        );
        let actors = [person(), Actor::Operator, Actor::Kozmic];
        assert_eq!(entry["actor"]["enum"], json!(actors.map(|actor| actor.word())));
    }

    #[test]
    fn every_state_and_rule_of_runners_is_described() {
        let document = document();
        let words = |schema: &str, field: &str| {
            document["components"]["schemas"][schema]["properties"][field]["enum"].clone()
        };
        assert_eq!(words("Runner", "state"), json!(RunnerState::WORDS));
        for schema in ["RunnerRules", "NewRunner"] {
            assert_eq!(words(schema, "forks"), json!(Forks::ALL.map(Forks::word)));
        }
    }

    #[test]
    fn every_status_is_described() {
        let words = Status::ALL.map(Status::word);
        assert_eq!(document()["components"]["schemas"]["Status"]["enum"], json!(words));
    }
}
