//! Tests of containers: they match their orders.

use super::{
    programs::recipe,
    stage::{Stage, hook},
};
use crate::order::{Limits, ProgramLimits};
use kozmic_edges::engine::NewContainer;
use kozmic_model::spec::JobSpec;
use kozmic_scripted::{At, MEMORY, Side, Verb};

/// The container of a job, as the engine was asked to create it.
fn container(spec: JobSpec, change: impl FnOnce(&mut Limits)) -> NewContainer {
    let stage = Stage::new();
    let mut order = stage.order(1, spec);
    change(&mut order.limits);
    stage.ledger.give(order);
    let held = stage.engine.hold(At::Next(Verb::Upload), Side::Question);
    let wanted = stage.live(async {
        held.arrived().await;
        let containers = stage.engine.container_ids();
        containers.iter().filter_map(|container| stage.engine.wanted(container)).collect::<Vec<_>>()
    });
    wanted.into_iter().next().unwrap()
}

#[test]
fn scripts_gain_no_rights_where_the_order_says_so() {
    for spec in [hook("true"), recipe("thing")] {
        for wanted in [true, false] {
            let made = container(spec.clone(), |limits| limits.no_new_privileges = wanted);
            assert_eq!(made.limits.no_new_privileges, wanted);
        }
    }
}

#[test]
fn a_recipe_gets_the_memory_of_its_order_or_all_but_a_gibibyte_of_the_machines() {
    for (memory, wanted) in [(Some(5 << 20), 5 << 20), (None, MEMORY - (1 << 30))] {
        let given = ProgramLimits { memory, extra_hosts: Vec::new(), capabilities: vec!["MKNOD".to_owned()] };
        let made = container(recipe("thing"), |limits| {
            (limits.program, limits.no_new_privileges) = (Some(given), true);
        });
        assert_eq!(made.limits.memory, Some(wanted));
        assert_eq!(made.limits.capabilities.as_deref(), Some(["MKNOD".to_owned()].as_slice()));
        assert!(made.limits.no_new_privileges);
    }
}
