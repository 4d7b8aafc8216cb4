//! The leaderboard's API and the operator's commands: each scenario on SQLite and on PostgreSQL.

#[path = "../support/mod.rs"]
mod support;

mod attacks;
mod contests;
mod journey;
mod operator;
mod organisers;
mod quotas;
mod rankings;
mod safety;
mod teams;
mod truth;
mod upgrade;

use support::{Postgres, TestApp};

/// Makes one test per scenario on SQLite, and one that runs all of them on one PostgreSQL server.
macro_rules! scenarios {
    ($($module:ident: $($name:ident)*;)*) => {
        mod sqlite {
            $($(#[tokio::test] async fn $name() { crate::$module::$name(crate::TestApp::sqlite().await).await; })*)*
        }

        #[tokio::test]
        async fn postgres() {
            let Some(server) = tokio::task::spawn_blocking(|| Postgres::start(false)).await.unwrap() else { return };
            $($($module::$name(TestApp::postgres(&server).await).await;)*)*
        }
    };
}

scenarios! {
    journey:
        the_whole_journey
        everything_is_private_until_published
        others_submissions_do_not_exist
        withdrawn_is_gone
        a_file_that_others_use_stays
        nothing_is_lost_by_a_restart
        text_is_only_text;
    quotas:
        quotas_start_anew_at_midnight
        files_with_problems_are_counted_apart
        the_last_of_the_quota_is_given_once
        no_more_is_read_than_the_quota_has_left
        a_repeated_request_gets_the_first_answer;
    teams:
        tokens_end
        tokens_are_replaced
        tokens_have_names
        a_change_touches_what_it_names
        own_submissions_are_on_one_page
        seeds_of_a_method_are_one_row
        team_names_are_unique;
    organisers:
        organisers_act_with_their_token
        a_removed_team_leaves_no_name
        a_ranking_is_frozen_and_cited;
    truth:
        hidden_truth_never_leaves
        reports_and_comparisons
        a_report_is_computed_once
        a_report_is_kept_although_the_asker_has_gone
        a_submission_does_not_wait_for_reports
        kept_results_are_bounded;
    safety:
        a_new_database_is_made_only_where_none_was
        a_database_and_a_store_of_others_are_refused
        a_store_newer_than_the_database_keeps_its_files
        a_store_older_than_the_database_is_noticed
        nothing_starts_between_the_halves_of_a_restore
        the_sweep_takes_only_what_it_knows_and_little_of_it
        a_file_that_is_announced_is_not_removed
        a_file_that_is_being_removed_is_waited_for;
    contests:
        an_open_contest_tells_little
        a_contest_ends_on_the_private_part
        teams_are_admitted
        rows_that_equal_a_public_truth_are_not_ranked
        a_truth_with_some_ages_changed_is_not_ranked
        one_image_of_a_counted_board_is_not_first
        boards_without_a_contest_are_as_before;
    attacks:
        single_images_cannot_be_asked
        one_image_does_not_move_an_answer
        boosting_learns_no_images
        first_answers_learn_no_images
        answers_are_whole_steps;
    rankings:
        pages_are_parts_of_the_ranking
        an_unchanged_answer_is_not_sent_twice
        what_was_withdrawn_does_not_come_back;
    upgrade:
        data_of_an_earlier_portal_opens_unchanged
        a_backup_of_an_earlier_portal_is_restored;
    operator:
        rescoring_says_what_changed
        the_export_holds_every_public_row
        a_backup_brings_everything_back
        the_description_is_complete
        health_and_metrics;
}
