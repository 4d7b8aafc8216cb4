//! The server of GLAE: it hands out the built page and the folder `public/` (weights, icons), and nothing else.
//!
//! What it refuses to do is the point of it. Estimating happens on the visitor's own device, so there is **no route
//! that accepts an image**: every path answers `GET` and `HEAD` and turns anything else away with 405. The
//! [content security policy](policy) lets the page talk to this origin only.
//!
//! ```no_run
//! use portal::{app, site::Folders};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let folders = Folders::open("web/dist", "public")?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! axum::serve(listener, app::router(&folders)?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Reading order: [`site`] (the folders), [`app`] (the routes), [`cache`] and [`policy`] (the headers), [`serve`]
//! (binding and stopping).

pub mod app;
pub mod cache;
pub mod policy;
pub mod serve;
pub mod site;
