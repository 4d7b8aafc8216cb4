//! The leaderboard's API and the operator's commands: each scenario on SQLite and on PostgreSQL.

#[path = "../support/mod.rs"]
mod support;

mod journey;
mod operator;
mod quotas;
mod teams;
mod truth;

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
        a_repeated_request_gets_the_first_answer;
    teams:
        tokens_end
        tokens_are_replaced
        team_names_are_unique;
    truth:
        hidden_truth_never_leaves
        reports_and_comparisons;
    operator:
        rescoring_says_what_changed
        the_export_holds_every_public_row
        a_backup_brings_everything_back
        the_description_is_complete
        health_and_metrics;
}
