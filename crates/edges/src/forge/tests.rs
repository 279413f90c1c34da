//! The contract of a forge: one list of cases that each forge passes with a double of its own.
//!
//! If a forge may do one thing or another, a case takes both. A new forge adds its [`OtherSide`] and four lines to the
//! macro below.

mod branches;
mod deliveries;
mod deploy_keys;
mod events;
mod letterbox;
mod links;
mod other_side;
mod outcomes;
mod refusals;
mod repositories;
mod sign_in;
mod stage;
mod statuses;
mod webhooks;

pub(super) use other_side::{OtherSide, Proposal, SeenKey, SeenStatus, SeenWebhook, TagKind, Trouble};

/// Each case as a test of each forge.
macro_rules! contract {
    ($($module:ident: $($case:ident),+;)+) => {
        mod github {
            $($(#[tokio::test]
            async fn $case() {
                let stage = super::stage::Stage::new(crate::forge::github::tests::double::start().await).await;
                super::$module::$case(&stage).await;
                stage.other.assert_understood();
            })+)+
        }
    };
}

contract! {
    sign_in:
        a_code_is_exchanged_once_for_the_token_of_its_person,
        a_code_is_no_use_with_another_verifier,
        a_token_that_ends_says_when_and_brings_another,
        a_token_that_was_taken_back_is_told,
        the_application_is_known_with_its_secret;
    repositories:
        a_person_reaches_what_is_theirs_and_what_they_were_let_into,
        a_hidden_repository_is_missing_for_strangers,
        a_repository_is_found_by_its_number_and_by_its_former_name,
        who_was_let_in_is_told_with_their_rights;
    webhooks:
        a_webhook_is_made_once_and_brought_back_in_line,
        a_webhook_that_somebody_removed_is_made_anew,
        a_webhook_is_removed_by_its_address_and_a_missing_one_is_fine,
        only_administrators_make_webhooks;
    deliveries:
        a_delivery_is_taken_with_its_secret_and_its_body_alone,
        a_delivery_without_a_proof_is_refused_before_its_body_is_read,
        a_body_that_nobody_can_read_is_refused,
        the_limits_of_deliveries_are_told;
    events:
        a_push_tells_its_repository_and_its_commits,
        a_branch_begins_nowhere_and_ends_there,
        a_pushed_tag_is_a_change_at_its_commit,
        a_proposal_from_a_fork_is_a_change_of_its_own_until_it_is_closed,
        an_author_may_ask_for_no_build,
        an_unknown_event_is_ignored_and_of_no_use,
        a_push_without_its_facts_cannot_be_read;
    outcomes:
        a_delivery_that_arrived_is_told_from_one_that_failed,
        a_delivery_that_is_sent_again_keeps_its_id;
    statuses:
        each_state_stands_beside_its_commit,
        texts_of_any_length_are_taken;
    refusals:
        a_forge_that_asks_to_wait_says_for_how_long,
        a_broken_forge_may_be_asked_again,
        a_silent_forge_may_be_asked_again,
        what_one_may_not_do_is_refused_for_good;
    deploy_keys:
        a_deploy_key_is_registered_once_and_only_reads,
        a_deploy_key_that_somebody_removed_is_registered_anew,
        a_deploy_key_is_removed_and_a_missing_one_is_fine;
    branches:
        a_tag_is_never_taken_for_the_branch_of_its_name,
        a_branch_that_is_missing_has_no_head,
        all_tips_are_listed,
        a_step_is_told_as_its_delivery_would_have;
    links:
        pages_and_refs_are_where_the_forge_has_them;
}
