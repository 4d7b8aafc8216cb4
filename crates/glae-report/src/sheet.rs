//! A table with its numbers: as CSV, Markdown and SVG.

use anyhow::{Context, Result};

use crate::answers::{Answers, Cell, Metric};
use crate::charts::intervals;
use crate::document::line;
use crate::spread::Spread;
use crate::table::{Table, TableRow};
use crate::words::{NONE, interval};

/// Width of the drawing in pixels.
const WIDTH: f64 = 820.0;

/// The numbers of a table: by row, column and seed. Without those of runs that are not finished.
#[derive(Clone, Debug)]
pub struct Sheet<'a> {
    table: &'a Table,
    cells: Vec<Vec<Vec<Option<Cell>>>>,
    seeds: Vec<u64>,
}

impl<'a> Sheet<'a> {
    /// Computes them from the answers by recipe and seed.
    ///
    /// # Errors
    /// Predictions do not fit their truth.
    pub fn new(table: &'a Table, answers: &[Vec<Option<Answers>>], seeds: Vec<u64>) -> Result<Self> {
        let row = |row: &TableRow| -> Result<Vec<Vec<Option<Cell>>>> {
            let column = |(rule, metric)| {
                let one = |own: &Option<Answers>| own.as_ref().map_or(Ok(None), |own| own.cell(rule, metric));
                answers[row.run].iter().map(one).collect()
            };
            row.cells.iter().copied().map(column).collect()
        };
        Ok(Self { table, cells: table.rows.iter().map(row).collect::<Result<_>>()?, seeds })
    }

    /// One line for each number, as computed; with several seeds also mean and deviation.
    ///
    /// # Errors
    /// There are none.
    pub fn csv(&self) -> Result<Vec<u8>> {
        let Table { words, columns, rows, .. } = self.table;
        let mut writer = csv::Writer::from_writer(Vec::new());
        let fixed = ["column", "seed", "value", "low", "high", "deviation", "paper"];
        writer.write_record(["row"].into_iter().chain(words.iter().copied()).chain(fixed))?;
        for (row, numbers) in rows.iter().zip(&self.cells) {
            for ((column, cells), paper) in columns.iter().zip(numbers).zip(&row.paper) {
                let mut line = |seed: &str, numbers: [Option<f64>; 4]| {
                    let words = row.words.iter().map(String::as_str);
                    let head = [row.name.as_str()].into_iter().chain(words).chain([column.as_str(), seed]);
                    let mut record: Vec<String> = head.map(str::to_owned).collect();
                    record.extend(
                        numbers.into_iter().chain([*paper]).map(|n| n.map_or_else(String::new, |n| n.to_string())),
                    );
                    writer.write_record(record)
                };
                for (seed, cell) in self.seeds.iter().zip(cells) {
                    let numbers = cell.map(|Cell { value, interval: [low, high] }| [value, low, high].map(Some));
                    let [value, low, high] = numbers.unwrap_or_default();
                    line(&seed.to_string(), [value, low, high, None])?;
                }
                if let Some(spread @ Spread { deviation: Some(_), .. }) = spread(cells) {
                    line("mean", [Some(spread.mean), None, None, spread.deviation])?;
                }
            }
        }
        writer.into_inner().context("cannot finish the table")
    }

    /// As in the paper, with the paper's own numbers beside ours and the best of each column bold.
    pub fn markdown(&self) -> String {
        let Table { words, columns, rows, .. } = self.table;
        let arrow = |column: usize| if self.metric(column).falls() { "↓" } else { "↑" };
        let mut head = vec![String::new()];
        head.extend(words.iter().map(ToString::to_string));
        head.extend(columns.iter().enumerate().map(|(number, name)| format!("{name} {}", arrow(number))));
        head.extend(columns.iter().map(|name| format!("paper: {name}")));
        let mut text = line(&head);
        let rule = (0..head.len()).map(|place| if place < 1 + words.len() { "---" } else { "---:" }.to_owned());
        text += &line(&rule.collect::<Vec<_>>());
        for (row, numbers) in rows.iter().zip(&self.cells) {
            let mut cells = vec![row.name.clone()];
            cells.extend(row.words.iter().cloned());
            for (column, own) in numbers.iter().enumerate() {
                let shown = self.shown(column, own);
                let best = mean(own).is_some_and(|mean| self.best(column).is_some_and(|best| mean == best));
                cells.push(if best { format!("**{shown}**") } else { shown });
            }
            cells.extend(
                row.paper.iter().map(|value| value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.2}"))),
            );
            text += &line(&cells);
        }
        text
    }

    /// With several seeds: each number with its interval.
    pub fn by_seed(&self) -> Option<String> {
        if self.seeds.len() < 2 {
            return None;
        }
        let Table { columns, rows, .. } = self.table;
        let mut text = line(&[vec![String::new(), "seed".to_owned()], columns.clone()].concat());
        text += &line(&[vec!["---".to_owned(); 2], vec!["---:".to_owned(); columns.len()]].concat());
        for (row, numbers) in rows.iter().zip(&self.cells) {
            for (place, seed) in self.seeds.iter().enumerate() {
                let own = numbers.iter().enumerate().map(|(column, cells)| self.shown(column, &cells[place..=place]));
                text += &line(&[vec![row.name.clone(), seed.to_string()], own.collect()].concat());
            }
        }
        Some(text)
    }

    /// Every number with its interval, drawn.
    pub fn svg(&self) -> String {
        let Table { columns, rows, number, title, .. } = self.table;
        let names: Vec<String> = rows.iter().map(|row| row.name.clone()).collect();
        let column = |(number, name): (usize, &String)| {
            let cells =
                self.cells.iter().map(|row| row[number].iter().flatten().map(|cell| self.scaled(number, *cell)));
            (name.clone(), cells.map(Iterator::collect).collect())
        };
        let columns: Vec<(String, Vec<Vec<Cell>>)> = columns.iter().enumerate().map(column).collect();
        intervals(WIDTH, &names, &columns).to_svg(&format!("Table {number}: {title}"))
    }

    fn metric(&self, column: usize) -> Metric {
        self.table.rows[0].cells[column].1
    }

    /// A share is shown in percent.
    fn scaled(&self, column: usize, Cell { value, interval }: Cell) -> Cell {
        let factor = if self.metric(column) == Metric::Top1 { 100.0 } else { 1.0 };
        Cell { value: factor * value, interval: interval.map(|end| factor * end) }
    }

    /// One number with its interval, or mean and deviation of several.
    fn shown(&self, column: usize, cells: &[Option<Cell>]) -> String {
        let scaled: Vec<Option<Cell>> = cells.iter().map(|cell| cell.map(|cell| self.scaled(column, cell))).collect();
        match (scaled.as_slice(), spread(&scaled)) {
            ([Some(cell)], _) => format!("{:.2} {}", cell.value, interval(cell.interval)),
            (_, Some(spread)) => spread.to_string(),
            _ => NONE.to_owned(),
        }
    }

    /// The best mean of a column.
    fn best(&self, column: usize) -> Option<f64> {
        let means = self.cells.iter().filter_map(|row| mean(&row[column]));
        means.reduce(if self.metric(column).falls() { f64::min } else { f64::max })
    }
}

fn mean(cells: &[Option<Cell>]) -> Option<f64> {
    spread(cells).map(|spread| spread.mean)
}

/// Mean and deviation over the seeds; nothing unless all are there.
fn spread(cells: &[Option<Cell>]) -> Option<Spread> {
    let values: Option<Vec<f64>> = cells.iter().map(|cell| cell.map(|cell| cell.value)).collect();
    values.filter(|values| !values.is_empty()).map(|values| Spread::of(&values))
}
