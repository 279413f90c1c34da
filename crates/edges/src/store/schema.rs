//! The database's tables, step by step, forward only. A step is never edited once it was released.

pub(super) mod look;
mod tables;
#[cfg(test)]
mod upgraded;
mod m0001_create_tables;
mod m0002_teams;
mod m0003_auto_builder;
mod m0004_attempts_end;
mod m0005_order_pushes;
mod m0006_missed_deliveries;
mod m0007_names;
mod m0008_taken_over;
mod m0009_pulse;
mod m0010_gone_refs;
mod m0011_forks;
mod m0012_pulls;
mod m0013_sudo;
mod m0014_doors;
mod m0015_audit;
mod m0016_mail;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All steps, in order.
pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_create_tables::Migration),
            Box::new(m0002_teams::Migration),
            Box::new(m0003_auto_builder::Migration),
            Box::new(m0004_attempts_end::Migration),
            Box::new(m0005_order_pushes::Migration),
            Box::new(m0006_missed_deliveries::Migration),
            Box::new(m0007_names::Migration),
            Box::new(m0008_taken_over::Migration),
            Box::new(m0009_pulse::Migration),
            Box::new(m0010_gone_refs::Migration),
            Box::new(m0011_forks::Migration),
            Box::new(m0012_pulls::Migration),
            Box::new(m0013_sudo::Migration),
            Box::new(m0014_doors::Migration),
            Box::new(m0015_audit::Migration),
            Box::new(m0016_mail::Migration),
        ]
    }
}
