//! The contract of the engine's trait: one list of cases, for the scripted engine and for this machine's Docker.
//!
//! Cases are written in the part of sh that both understand. If an engine may do one thing or another, a case accepts
//! both. If Docker does not do what the trait's comment says, the comment is wrong.

#[cfg(test)]
mod lab;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod recipe;
#[cfg(test)]
mod output;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod archives;
#[cfg(test)]
mod images;
#[cfg(test)]
mod nameless;
#[cfg(test)]
mod pulls;
#[cfg(test)]
mod facts;

/// Makes a test of each case for both engines.
macro_rules! contract {
    ($($module:ident: $($case:ident),+;)+) => {
        #[cfg(test)]
        mod scripted {
            $($(#[tokio::test(start_paused = true)]
            async fn $case() {
                crate::$module::$case(&crate::lab::Lab::scripted()).await;
            })+)+
        }

        #[cfg(test)]
        mod docker {
            $($(#[tokio::test]
            async fn $case() {
                crate::$module::$case(&crate::lab::Lab::docker().await).await;
            })+)+
        }
    };
}

contract! {
    containers:
        files_and_listeners_come_in_any_order_before_the_start,
        a_container_beside_another_shares_its_volumes_and_nothing_else,
        an_empty_volume_hides_what_the_image_has,
        containers_are_found_by_their_installation,
        a_script_knows_its_environment,
        one_that_runs_is_started_already_and_one_beside_it_never;
    gate:
        a_script_begins_when_its_line_comes_and_its_end_is_noted,
        a_gate_whose_input_ends_closes_without_a_word,
        a_gate_that_is_stopped_notes_nothing,
        a_script_that_kills_itself_is_noted_without_a_signal,
        a_stop_reaches_the_script_and_is_noted,
        a_script_that_withstands_is_killed_and_noted_by_nobody,
        a_script_chooses_its_code_and_the_signal_is_noted,
        a_program_below_a_script_has_the_time_to_tidy_up_at_a_stop,
        a_program_that_is_killed_for_want_of_memory_is_noted,
        a_script_that_is_not_there_is_noted,
        a_script_without_a_shell_around_it_begins_at_the_start;
    recipe:
        a_program_prints_on_a_terminal_and_its_end_is_noted,
        what_goes_before_a_program_may_end_it;
    output:
        output_is_read_twice_the_same,
        every_byte_is_heard_as_it_was_printed,
        both_channels_are_told_apart_without_a_terminal_alone,
        a_terminal_has_the_size_that_it_is_given,
        an_unfinished_line_is_heard_at_once_and_kept_when_its_container_ends,
        a_long_line_is_kept_in_parts_that_break_characters,
        much_is_heard_and_kept_whole,
        the_last_words_before_a_kill_are_not_lost,
        what_was_kept_is_read_up_to_a_second;
    ends:
        a_containers_state_goes_from_created_to_exited,
        one_that_was_not_started_is_not_waited_for,
        everybody_who_waits_learns_what_a_container_returned,
        a_container_has_processes_while_it_runs,
        a_stop_is_sigterm_and_sigkill_for_those_that_withstand,
        one_that_is_not_running_is_stopped_already,
        a_container_is_removed_whatever_it_does,
        a_signal_of_its_own_ends_a_script,
        a_process_that_is_killed_for_want_of_memory_is_known_when_its_container_ended,
        a_program_that_is_not_there_ends_with_127;
    archives:
        files_directories_and_links_come_out,
        what_is_not_there_is_missing_and_below_a_file_refused,
        files_go_in_while_a_container_runs_and_when_it_ended,
        an_archive_goes_only_into_a_directory,
        an_archive_that_fails_is_not_taken_for_whole,
        small_files_are_read_up_to_a_limit;
    images:
        what_a_container_changed_is_an_image,
        an_image_is_found_by_the_names_that_it_bears_and_not_by_its_id,
        volumes_are_no_part_of_an_image_but_their_paths_are,
        an_image_is_known_by_the_script_that_made_it,
        an_installation_knows_its_own_images,
        tags_are_those_of_exactly_one_repository,
        an_image_is_not_removed_while_a_container_uses_it,
        nothing_is_made_of_what_is_not_there;
    nameless:
        a_name_goes_over_to_a_newer_image,
        an_image_without_a_name_stays_while_it_is_needed,
        images_without_names_go_with_the_last_one_made_of_them;
    pulls:
        an_image_is_pulled_by_who_may_with_lines_of_progress,
        what_no_registry_has_is_refused;
    facts:
        an_engine_answers_and_tells_its_version_and_memory,
        it_is_made_ready_again_and_an_attempt_without_a_network_has_none_to_lose,
        scripts_run_as_the_user_that_the_image_has_for_them,
        an_engine_remembers_what_it_saw,
        what_is_asked_of_a_container_that_is_gone;
}
