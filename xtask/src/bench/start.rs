//! What a newcomer waits for: a clean clone becomes a served page, then tests; then the page starts again, and changes.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

use anyhow::{Context, Result, bail, ensure};

use super::DOCUMENT;
use crate::{
    compress::Quality,
    native, page,
    project::Project,
    serve,
    step::{Step, Steps, execute, seconds},
};

/// A file of the page's drawing, and a text in it that is changed.
const CHANGED: (&str, &str) = ("web/src/about.rs", "<h1>");

/// The row of the table that a newcomer waits for.
const FIRST: &str = "`cargo xtask serve` on a clean clone, until the page is served";

/// How long the first start took where it was measured last, as [`DOCUMENT`] says it.
pub(crate) fn first_start(project: &Project) -> Option<String> {
    first_start_in(&fs::read_to_string(project.path(DOCUMENT)).ok()?)
}

fn first_start_in(document: &str) -> Option<String> {
    let (_, row) = document.split_once(&format!("| **{FIRST}** | **"))?;
    let (clock, row) = row.split_once("** | **")?;
    let (processor, _) = row.split_once("** |")?;
    Some(format!("{clock}, with {processor} of processor time ({DOCUMENT})"))
}

/// Measures all of it in a folder of its own, prints the table and writes it into the document.
pub(crate) fn start(project: &Project) -> Result<()> {
    let home = project.target.join("bench-start");
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("cannot empty {}", home.display()))?;
    }
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    let fresh = Project { root: home.join("clone"), target: home.join("target") };
    println!("What is committed is measured, in {}", home.display());
    execute(project.command("git").args(["clone", "--quiet", "--local", "."]).arg(&fresh.root))?;

    let mut parts = vec![part("`cargo xtask` itself", |steps| {
        steps.run("xtask", "compiles what says the rest", || {
            execute(&mut fresh.cargo(&["build", "--locked", "--package", "xtask"]))
        })
    })?];
    parts.push(part(FIRST, |steps| served(&fresh, steps))?);
    parts.push(part("`cargo xtask serve` again, with nothing changed", |steps| served(&fresh, steps))?);
    change(&fresh.path(CHANGED.0))?;
    parts.push(part("one file of what is drawn changes (`serve --watch`)", |steps| {
        page::compile(&fresh, steps, Quality::Quick)?;
        page::lay_out(&fresh, steps, Quality::Quick, true).map(drop)
    })?);
    parts.push(part("the native build of `cargo xtask test` after it", |steps| native::build(&fresh, steps))?);

    let cores = std::thread::available_parallelism()?;
    let table = table(&parts, &format!("{cores} cores, {}", load()));
    println!("\n{table}");
    let document = project.path(DOCUMENT);
    let text = fs::read_to_string(&document).with_context(|| format!("cannot read {}", document.display()))?;
    let text = replaced(&text, &table).with_context(|| format!("{} has no place for this", document.display()))?;
    fs::write(&document, text).with_context(|| format!("cannot write {}", document.display()))
}

/// One command that a newcomer waits for, with its steps.
struct Part {
    name: &'static str,
    whole: Step,
    steps: Vec<Step>,
}

fn part(name: &'static str, work: impl FnOnce(&mut Steps) -> Result<()>) -> Result<Part> {
    let mut steps = Steps::new();
    work(&mut steps)?;
    Ok(Part { name, whole: steps.whole(), steps: steps.done() })
}

/// Builds what is served and starts the server, until it listens.
fn served(project: &Project, steps: &mut Steps) -> Result<()> {
    let site = serve::build(project, steps, false)?;
    let mut portal = serve::portal(project, "127.0.0.1:0", &site);
    steps.run("portal", "until it listens", || {
        let mut server = portal.stdout(Stdio::piped()).spawn().context("cannot start portal")?;
        let mut line = String::new();
        let output = server.stdout.take().context("its output is piped")?;
        let read = BufReader::new(output).read_line(&mut line);
        server.kill()?;
        server.wait()?;
        read?;
        ensure!(line.starts_with("listening on "), "portal did not start: {line:?}");
        Ok(())
    })
}

/// Changes a text that is shown.
fn change(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let changed = text.replacen(CHANGED.1, &format!("{}\"!\"", CHANGED.1), 1);
    if changed == text {
        bail!("{} has no {:?} any more: name another text to change", file.display(), CHANGED.1);
    }
    fs::write(file, changed).with_context(|| format!("cannot write {}", file.display()))
}

/// How busy the machine is, from 1 for one program that computes.
fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").ok();
    let minutes = load.as_ref().and_then(|text| text.split_whitespace().nth(2));
    minutes.map_or("load unknown".to_owned(), |load| format!("load of the last quarter of an hour at the end: {load}"))
}

/// The table in Markdown.
fn table(parts: &[Part], machine: &str) -> String {
    let processor = |step: &Step| step.processor.map_or("unknown".to_owned(), seconds);
    let mut table = format!("{machine}.\n\n| what | by the clock | processor time |\n|---|---:|---:|\n");
    for part in parts {
        table +=
            &format!("| **{}** | **{}** | **{}** |\n", part.name, seconds(part.whole.took), processor(&part.whole));
        // Steps of no time say nothing.
        for step in part.steps.iter().filter(|step| part.steps.len() > 1 && step.took.as_secs() > 0) {
            table += &format!("| {} | {} | {} |\n", step.name, seconds(step.took), processor(step));
        }
    }
    table
}

/// The document with this between its marks.
fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once("<!-- bench start -->")?;
    let (_, after) = rest.split_once("<!-- end of start -->")?;
    Some(format!("{before}<!-- bench start -->\n\n{table}\n<!-- end of start -->{after}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_thing_and_each_step_that_takes_time() {
        let step = |name: &str, took, processor: Option<u64>| Step {
            name: name.to_owned(),
            took: Duration::from_secs(took),
            processor: processor.map(Duration::from_secs),
        };
        let parts = [
            Part {
                name: FIRST,
                whole: step("", 723, Some(1200)),
                steps: vec![step("page", 720, Some(1199)), step("x", 0, None)],
            },
            Part { name: "again", whole: step("", 2, None), steps: vec![step("all", 2, None)] },
        ];
        let table = table(&parts, "2 cores");
        let rows = format!(
            "2 cores.\n\n| what | by the clock | processor time |\n|---|---:|---:|\n\
             | **{FIRST}** | **12 min 3 s** | **20 min 0 s** |\n| page | 12 min 0 s | 19 min 59 s |\n\
             | **again** | **2.0 s** | **unknown** |\n"
        );
        assert_eq!(table, rows);
        let said = first_start_in(&table).unwrap();
        assert!(said.starts_with("12 min 3 s, with 20 min 0 s of processor time"), "{said}");
        assert_eq!(first_start_in("nothing was measured"), None);
    }

    #[test]
    fn the_document_has_a_place_and_a_page_has_the_text_that_is_changed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let document = fs::read_to_string(root.join(DOCUMENT)).unwrap();
        let once = replaced(&document, "| one |\n").unwrap();
        assert!(once.contains("<!-- bench start -->\n\n| one |\n\n<!-- end of start -->"));
        assert_eq!(replaced(&once, "| one |\n").unwrap(), once);
        assert_eq!(replaced("nothing", ""), None);
        assert!(fs::read_to_string(root.join(CHANGED.0)).unwrap().contains(CHANGED.1));
    }
}
