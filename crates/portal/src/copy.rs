//! Copies every table of one database into another, whichever of SQLite and PostgreSQL they are.

use sqlx::{AnyConnection, AssertSqlSafe, Column, Row, TypeInfo, ValueRef, any::AnyRow};
use thiserror::Error;

/// The tables with their columns, in an order in which each refers only to earlier ones.
///
/// `results` is left out: it holds what can be computed again.
pub const TABLES: [(&str, &[&str]); 17] = [
    ("facts", &["name", "value"]),
    ("teams", &["id", "name", "folded", "created", "banned"]),
    ("tokens", &["id", "team", "name", "hash", "created", "expires", "replaces"]),
    ("skeletons", &["skeleton", "team"]),
    ("organisers", &["id", "name", "hash", "created", "expires"]),
    ("quotas", &["board", "team", "day", "submissions", "failures"]),
    ("files", &["hash", "stored", "pending"]),
    (
        "submissions",
        &[
            "id",
            "board",
            "team",
            "metadata",
            "visibility",
            "predictions",
            "scores",
            "report",
            "scorer",
            "created",
            "changed",
            "truth",
            "predicted",
            "samples",
            "mark",
            "reason",
            "sealed",
            "ranked",
            "published",
            "series",
            "seeds",
            "folded",
        ],
    ),
    ("tombstones", &["id", "board", "team", "method", "submitted", "withdrawn", "published"]),
    ("frozen", &["board", "number", "at", "document", "checksum", "revised"]),
    ("truths", &["board", "version", "fingerprint", "since"]),
    ("ladders", &["board", "team", "told", "taken"]),
    ("entrants", &["board", "team", "state", "final", "since"]),
    ("invitations", &["hash", "board", "created", "team"]),
    ("contests", &["board", "closes", "announcement"]),
    ("deeds", &["id", "at", "actor", "action", "board", "subject", "reason"]),
    ("answers", &["team", "key", "fingerprint", "status", "body", "answered"]),
];

/// Rows read at a time.
const PAGE: i64 = 500;

/// Why a table cannot be copied.
#[derive(Debug, Error)]
pub enum CopyError {
    /// A database failed.
    #[error("cannot copy the table {table}: {source}")]
    Database {
        /// The table.
        table: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// A value is of a kind that the schema does not have.
    #[error("the table {table} holds a value of the kind {kind} in {column}")]
    Kind {
        /// The table.
        table: &'static str,
        /// The column.
        column: String,
        /// The kind.
        kind: String,
    },
}

/// Copies all rows. Both sides have the same schema; the target's tables are empty. Returns how many rows.
///
/// # Errors
/// See [`CopyError`]; the caller's transactions decide what becomes of the rows copied so far.
pub async fn copy(from: &mut AnyConnection, to: &mut AnyConnection) -> Result<u64, CopyError> {
    let mut copied = 0;
    for (table, columns) in TABLES {
        let failed = |source| CopyError::Database { table, source };
        let names = columns.join(", ");
        let places: Vec<_> = (1..=columns.len()).map(|number| format!("${number}")).collect();
        let select = format!("SELECT {names} FROM {table} ORDER BY {} LIMIT $1 OFFSET $2", order(table, columns));
        let insert = format!("INSERT INTO {table} ({names}) VALUES ({})", places.join(", "));
        for start in (0..).step_by(PAGE as usize) {
            // Both texts are made of the names above and of nothing else.
            let page = sqlx::query(AssertSqlSafe(select.clone())).bind(PAGE).bind(start);
            let rows = page.fetch_all(&mut *from).await.map_err(failed)?;
            for row in &rows {
                copy_row(table, row, &insert, to).await?;
            }
            copied += rows.len() as u64;
            if (rows.len() as i64) < PAGE {
                break;
            }
        }
    }
    Ok(copied)
}

async fn copy_row(table: &'static str, row: &AnyRow, insert: &str, to: &mut AnyConnection) -> Result<(), CopyError> {
    let failed = |source| CopyError::Database { table, source };
    let mut query = sqlx::query(AssertSqlSafe(insert.to_owned()));
    for column in row.columns() {
        let place = column.ordinal();
        let kind = row.try_get_raw(place).map_err(failed)?.type_info().name().to_ascii_uppercase();
        query = match kind.as_str() {
            "TEXT" | "VARCHAR" => query.bind(row.try_get::<String, _>(place).map_err(failed)?),
            "BIGINT" | "INTEGER" => query.bind(row.try_get::<i64, _>(place).map_err(failed)?),
            "DOUBLE" | "REAL" | "DOUBLE PRECISION" => query.bind(row.try_get::<f64, _>(place).map_err(failed)?),
            _ => return Err(CopyError::Kind { table, column: column.name().to_owned(), kind }),
        };
    }
    query.execute(to).await.map_err(failed)?;
    Ok(())
}

/// The columns that make a row of this table unique: pages must not overlap.
fn order(table: &str, columns: &[&str]) -> String {
    let key = match table {
        "quotas" => 3,
        "answers" | "truths" | "ladders" | "entrants" | "frozen" => 2,
        _ => 1,
    };
    columns[..key].join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::database::{Database, DatabaseAddress};

    #[tokio::test]
    async fn every_table_and_column_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::make(&DatabaseAddress::Sqlite(folder.path().join("a.sqlite"))).await.unwrap();
        let tables = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'";
        let found: BTreeSet<(String, String)> = sqlx::query(tables)
            .fetch_all(database.read())
            .await
            .unwrap()
            .iter()
            .map(|row| (row.get(0), row.get(1)))
            .filter(|(table, _): &(String, String)| !["schema_steps", "results"].contains(&table.as_str()))
            .collect();
        let known = TABLES
            .into_iter()
            .flat_map(|(table, columns)| columns.iter().map(move |column| (table.to_owned(), (*column).to_owned())));
        assert_eq!(found, known.collect());
        database.close().await;
    }
}
