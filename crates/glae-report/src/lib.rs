#![doc = include_str!("../README.md")]

pub mod answers;
pub mod charts;
pub mod claims;
pub mod curves;
pub mod document;
pub mod page;
pub mod sheet;
pub mod spread;
pub mod table;
pub mod words;

pub use answers::{Answers, Cell, Metric};
pub use claims::Claims;
pub use curves::EpochLine;
pub use document::Document;
pub use page::{Contents, page};
pub use sheet::Sheet;
pub use spread::Spread;
pub use table::{Table, TableRow};
