#![doc = include_str!("../README.md")]
//!
//! The way of a submission: [`api`] (the route) -> [`extract`] (team and board) -> [`form`] (the two parts) ->
//! [`scoring`] (on a blocking thread) -> [`accept`] (file, then one transaction; [`leftovers`] finds files that no row
//! names) -> [`submission`] (a row).

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
pub mod frozen;
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
pub mod seeds;
pub mod serve;
pub mod site;
pub mod state;
pub mod store;
pub mod submission;
pub mod team;
pub mod text;
pub mod token;
pub mod tombstones;
pub mod versions;
