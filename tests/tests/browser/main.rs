//! Journeys through the built page, in a real headless Chromium whose WebGPU runs on SwiftShader, and one long one each in
//! Firefox and WebKitGTK.
//!
//! Each journey is one test. They run one after the other, those in Chromium in one browser, because the first answer on
//! SwiftShader takes ten seconds and a second browser beside it would make it twenty. `cargo xtask test` builds the page and the programs
//! and names them in the environment (see [`settings`]); a plain `cargo test` has neither and skips the journeys.

mod access;
mod batch;
mod board;
mod browsers;
mod camera;
mod contest;
mod devices;
mod downloads;
mod estimates;
mod faces;
mod failures;
mod given;
mod hands;
mod history;
mod keyboard;
mod long;
mod looks;
mod memory;
mod offline;
mod others;
mod page;
mod reference;
mod seen;
mod session;
mod settings;
mod walk;
mod watcher;
mod witness;

use std::{future::Future, pin::Pin, sync::Arc};

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::{runtime::Runtime, sync::OnceCell};

use session::Session;
use settings::Settings;

/// The browser and all it needs, started by the first journey.
struct Journeys {
    runtime: Runtime,
    settings: Settings,
    session: OnceCell<Session>,
}

type Journey = for<'a> fn(&'a Session) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// The journeys in the order in which they run: cheap ones first. The privacy of photographs is judged by all requests
/// before the leaderboard's, which do send files; the console is looked at when all is over but the server's end.
const JOURNEYS: [(&str, Journey); 58] = [
    ("the_page_fits_phone_and_desk_in_light_and_dark", |session| Box::pin(looks::before_a_photo(session))),
    ("about_fits_phone_and_desk_in_light_and_dark", |session| Box::pin(looks::about(session))),
    ("tiny_network_on_the_cpu_gives_the_native_numbers", |session| Box::pin(estimates::tiny_on_cpu(session))),
    ("three_faces_give_three_cards_from_left_to_right", |session| Box::pin(faces::three(session))),
    ("a_face_too_small_gets_a_note_instead_of_an_age", |session| Box::pin(faces::one_far_away(session))),
    ("a_photo_on_its_side_is_turned", |session| Box::pin(faces::on_its_side(session))),
    ("small_faces_are_looked_for_until_stopped", |session| Box::pin(faces::small_ones(session))),
    ("an_age_in_doubt_says_why", |session| Box::pin(faces::in_doubt(session))),
    ("where_there_is_no_face_the_square_is_chosen_by_hand", |session| Box::pin(faces::nobody(session))),
    ("photographs_have_the_faces_that_are_seen_natively", |session| Box::pin(faces::photographs(session))),
    ("files_that_are_no_photo_get_a_sentence", |session| Box::pin(failures::bad_files(session))),
    ("dropped_and_pasted_photos_are_estimated", |session| Box::pin(hands::drop_and_paste(session))),
    ("the_square_follows_keys_and_pointer", |session| Box::pin(hands::crop(session))),
    ("many_photos_become_a_table_and_a_file", |session| Box::pin(batch::table(session))),
    ("a_photo_opened_meanwhile_does_not_stop_the_queue", |session| Box::pin(batch::opened_meanwhile(session))),
    ("a_folder_becomes_a_table_of_its_photos", |session| Box::pin(batch::folder(session))),
    ("a_phones_folder_loses_nothing_without_a_word", |session| Box::pin(given::a_phones_folder(session))),
    ("what_cannot_be_read_is_said", |session| Box::pin(given::nothing_to_read(session))),
    ("the_pixels_that_were_decoded_are_shown", |session| Box::pin(given::sideways(session))),
    ("photos_for_print_keep_age_and_colours", |session| Box::pin(given::for_print(session))),
    ("a_phones_largest_photo_fits_into_memory", |session| Box::pin(given::a_phones_largest(session))),
    ("drawn_faces_are_one_click_away", |session| Box::pin(given::examples(session))),
    ("a_translated_page_goes_on_counting", |session| Box::pin(given::translated(session))),
    ("back_from_a_photo_of_a_list_stays_in_the_site", |session| Box::pin(history::a_photo_of_a_list(session))),
    ("a_refused_camera_gets_a_sentence", |session| Box::pin(camera::refused(session))),
    ("the_camera_fits_phone_and_desk_and_stops_with_the_tab", |session| Box::pin(camera::seen_and_hidden(session))),
    ("the_camera_runs_for_half_a_minute_in_steady_memory", |session| Box::pin(camera::half_a_minute(session))),
    ("weights_are_fetched_once", |session| Box::pin(hands::second_visit(session))),
    ("a_lost_gpu_is_replaced_by_the_cpu", |session| Box::pin(failures::lost_device(session))),
    ("a_gpu_with_wrong_numbers_is_replaced_by_the_cpu", |session| Box::pin(failures::wrong_numbers(session))),
    ("without_webgpu_the_cpu_computes_and_the_device_line_says_why", |session| Box::pin(devices::none(session))),
    ("a_program_in_place_of_a_card_is_left_alone", |session| Box::pin(devices::a_program(session))),
    ("a_card_slower_than_the_processor_is_measured_once", |session| Box::pin(devices::a_slow_card(session))),
    ("what_never_answers_is_replaced_by_the_cpu", |session| Box::pin(devices::silent(session))),
    ("scarce_means_get_the_small_weights", |session| Box::pin(devices::scarce_means(session))),
    ("an_insecure_address_still_estimates", |session| Box::pin(devices::insecure_address(session))),
    ("where_nothing_is_kept_everything_works", |session| Box::pin(devices::nothing_kept(session))),
    ("shipped_weights_on_the_cpu_agree_with_the_trainer", |session| Box::pin(estimates::shipped_on_cpu(session))),
    ("a_result_fits_phone_and_desk_in_light_and_dark", |session| Box::pin(looks::with_a_result(session))),
    ("two_workers_on_the_cpu_give_the_same_numbers", |session| Box::pin(estimates::by_two_on_the_cpu(session))),
    ("tiny_network_on_webgpu_gives_the_native_numbers", |session| Box::pin(estimates::tiny_on_webgpu(session))),
    ("shipped_weights_on_webgpu_agree_with_the_trainer", |session| Box::pin(estimates::shipped_on_webgpu(session))),
    ("nothing_but_plain_requests_to_our_own_server", |session| Box::pin(witness::privacy(session))),
    ("boards_fit_phone_and_desk_in_light_and_dark", |session| Box::pin(board::looks(session))),
    ("a_file_is_scored_submitted_and_withdrawn_by_keyboard", |session| Box::pin(board::submit(session))),
    ("a_contest_from_its_board_to_its_citation", |session| Box::pin(contest::whole(session))),
    ("a_long_ranking_is_read_in_parts", |session| Box::pin(long::turned(session))),
    ("two_methods_are_compared", |session| Box::pin(board::compare(session))),
    ("nothing_is_sent_of_a_score_on_ones_own_truth", |session| Box::pin(board::own_truth(session))),
    ("ids_with_a_folder_too_many_are_one_click_away", |session| Box::pin(board::folder_in_ids(session))),
    ("a_half_filled_form_is_not_lost", |session| Box::pin(history::a_form(session))),
    ("a_proxy_that_refuses_a_file_is_named", |session| Box::pin(board::proxy_refuses(session))),
    ("an_insecure_address_still_scores", |session| Box::pin(board::insecure_address(session))),
    ("every_order_of_two_places_leaves_the_page_alive", |session| Box::pin(walk::every_order_of_two(session))),
    ("a_random_walk_leaves_the_page_alive", |session| Box::pin(walk::at_random(session))),
    ("a_million_rows_are_scored_while_the_page_stays_awake", |session| Box::pin(board::a_million_rows(session))),
    ("the_console_stays_free_of_errors", |session| Box::pin(witness::console(session))),
    ("without_a_server_the_page_still_estimates", |session| Box::pin(offline::without_server(session))),
];

type Elsewhere = for<'a> fn(&'a Settings) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// The journeys in other browsers, each with a browser and a server of its own.
const ELSEWHERE: [(&str, Elsewhere); 2] = [
    ("firefox_from_a_photo_to_a_visit_without_a_network", |settings| Box::pin(others::firefox(settings))),
    ("webkit_from_a_photo_to_a_visit_without_a_network", |settings| Box::pin(others::web_kit(settings))),
];

fn main() -> Result<()> {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let Some(settings) = Settings::from_environment()? else {
        // `--list` is read by programs; they expect tests and nothing else.
        if !arguments.list {
            println!(
                "SKIPPED: the browser journeys, because GLAE_SITE names no built page (`cargo xtask test` runs them)"
            );
        }
        libtest_mimic::run(&arguments, Vec::new()).exit();
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let stage = Arc::new(Journeys { runtime, settings, session: OnceCell::new() });
    let trials = JOURNEYS.iter().map(|(name, journey)| {
        let stage = Arc::clone(&stage);
        Trial::test(*name, move || stage.play(*journey).map_err(|error| Failed::from(format!("{error:#}"))))
    });
    let elsewhere = ELSEWHERE.iter().map(|(name, journey)| {
        let stage = Arc::clone(&stage);
        let played = move || stage.runtime.block_on(journey(&stage.settings));
        Trial::test(*name, move || played().map_err(|error| Failed::from(format!("{error:#}"))))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.chain(elsewhere).collect());
    if let Some(stage) = Arc::into_inner(stage)
        && let Some(session) = stage.session.into_inner()
    {
        stage.runtime.block_on(session.close())?;
    }
    conclusion.exit()
}

impl Journeys {
    fn play(&self, journey: Journey) -> Result<()> {
        self.runtime.block_on(async {
            let session = self.session.get_or_try_init(|| Session::start(&self.settings)).await?;
            journey(session).await
        })
    }
}
