//! The server of GLAE: the built page, the folder `public/` (weights, icons, boards), and the leaderboard.
//!
//! What it refuses to do is the point of it. Estimating happens on the visitor's own device, so there is **no route
//! that accepts an image**: outside `/api/v1` every path answers `GET` and `HEAD` and turns anything else away with
//! 405; inside it, images are refused by their type and by their first bytes. The [content security policy](policy)
//! lets the page talk to this origin only. Hidden truth never leaves the server.
//!
//! ```no_run
//! use portal::{app, config::Config, identity::Opening, site::Folders, state::Portal};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::from_environment("data/portal", "public")?;
//! let portal = Portal::open(config, Opening::Serving).await?;
//! let folders = Folders::open("web/dist", "public")?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! axum::serve(listener, app::router(&folders, Some(portal))?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The way of a submission: [`api`] (the route) -> [`extract`] (who, which board) -> [`form`] (the two parts) ->
//! [`scoring`] (on a blocking thread) -> [`accept`] (file, then one transaction; [`leftovers`]
//! finds files that came to nothing) -> [`submission`] (a row).
//!
//! Reading order: [`config`] and [`state`]; [`database`], [`store`] and [`identity`]; the nouns [`board`], [`team`], [`token`],
//! [`quota`], [`submission`], [`contest`], [`versions`], [`rankings`], [`organiser`] and [`deeds`]; [`problem`] (every error); [`app`], [`cache`], [`policy`] and [`serve`] (the site);
//! [`commands`] (what the program can do).

pub mod accept;
pub mod address;
pub mod api;
pub mod app;
pub mod board;
pub mod cache;
pub mod client;
pub mod clock;
pub mod commands;
pub mod config;
pub mod contest;
pub mod copy;
pub mod database;
pub mod deeds;
pub mod extract;
pub mod form;
pub mod identity;
pub mod leftovers;
pub mod limits;
pub mod metadata;
pub mod metrics;
pub mod openapi;
pub mod organiser;
pub mod pages;
pub mod places;
pub mod policy;
pub mod problem;
pub mod quota;
pub mod random;
pub mod rankings;
pub mod results;
pub mod scoring;
pub mod serve;
pub mod site;
pub mod state;
pub mod store;
pub mod submission;
pub mod team;
pub mod text;
pub mod token;
pub mod versions;
