//! Tests of jobs that get another attempt after the forge's answer about their branch.

use super::{HERE, NOW, Stage, change};
use crate::store::{Among, Heard, Lane, LoadedConfiguration, ProjectChange, queue::superseded::resume, rows};
use kozmic_model::{
    interruption::IfInterrupted,
    job::Outcome,
    recipe::Configuration,
    spec::{JobSpec, Origin, Task},
    status::Status,
};
use sea_orm::EntityTrait;

#[tokio::test]
async fn a_configuration_is_read_again_only_if_another_one_is_in_force() {
    let Stage { store, project, .. } = &Stage::new().await;
    let spec = JobSpec {
        title: "Configuration".into(),
        if_interrupted: IfInterrupted::Again,
        origin: Origin::Configuration,
        labels: kozmic_model::label::Labels::default(),
        task: Task::Configuration,
    };
    let change = ProjectChange { project: *project, change: &change('a') };
    let planned = store.queue().enqueue_planned(Heard::Answer, change, &[spec], NOW).await.unwrap();
    let claimed = store.queue().claim_job(Lane::Configuration, HERE, Among::All, NOW).await.unwrap().unwrap();
    store.queue().finish_job(claimed.job.attempt(), &Outcome::Returned(0), NOW).await.unwrap();
    for (in_force, status) in [('a', Status::Success), ('b', Status::Enqueued)] {
        let sha = super::change(in_force).sha;
        let loaded = LoadedConfiguration { sha, configuration: Configuration::default() };
        store.configuration().swap_configuration(&loaded, NOW).await.unwrap();
        let resumed = store.db.change("a resumed build", move |tx| async move {
            let tx = &tx;
            let build = rows::build::Entity::find_by_id(planned.build.id.0).one(tx).await?;
            resume(tx, &build.unwrap(), true, NOW).await
        });
        resumed.await.unwrap();
        assert_eq!(
            store.builds().job_by_id(claimed.job.id).await.unwrap().unwrap().status,
            status,
            "{in_force}"
        );
    }
}
