//! The Markdown files of the tree: every relative link leads to a file, every anchor to a heading, no page of `docs/` is
//! without a link to it, and the files and functions that pages name are there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

/// Folders that hold what was built or downloaded, wherever they lie.
const NOT_SOURCES: [&str; 4] = [".git", "target", "dist", "node_modules"];

/// Folders of the root that hold what was trained or served here.
const OF_ROOT: [&str; 2] = ["runs", "data"];

/// A link of a Markdown file.
#[derive(Debug, PartialEq)]
struct Link {
    /// As it is written, without the anchor; empty for a heading of the same file.
    path: String,
    /// The part behind `#`.
    anchor: Option<String>,
}

/// All files below the root, as paths relative to it with `/` between folders.
fn files() -> BTreeSet<String> {
    fn walk(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            if !entry.file_type().unwrap().is_dir() {
                found.insert(format!("{prefix}{name}"));
            } else if !(NOT_SOURCES.contains(&name.as_str()) || prefix.is_empty() && OF_ROOT.contains(&name.as_str())) {
                walk(&entry.path(), &format!("{prefix}{name}/"), found);
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(&tests::root(), "", &mut found);
    found
}

/// The text of every Markdown file, by its path.
fn pages(files: &BTreeSet<String>) -> BTreeMap<&str, String> {
    let pages = files.iter().filter(|file| file.ends_with(".md"));
    pages.map(|file| (file.as_str(), fs::read_to_string(tests::root().join(file)).unwrap())).collect()
}

/// The text without fenced blocks of code: what they hold is no link and no heading.
fn without_blocks(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut fence = None;
    for line in text.lines() {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => {
                kept.push_str(line);
                kept.push('\n');
            }
            _ => {}
        }
    }
    kept
}

/// The text without inline code. A run of backticks without its twin in the same paragraph is text.
fn without_code(text: &str) -> String {
    let paragraph = |text: &str| {
        let mut kept = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('`') {
            let length = rest[at..].bytes().take_while(|byte| *byte == b'`').count();
            let (before, behind) = (&rest[..at], &rest[at + length..]);
            kept.push_str(before);
            rest = match behind.find(&"`".repeat(length)) {
                Some(end) => &behind[end + length..],
                None => behind,
            };
        }
        kept + rest
    };
    text.split("\n\n").map(paragraph).collect::<Vec<_>>().join("\n\n")
}

/// The links to files of the tree and to headings, images included.
fn links(text: &str) -> Vec<Link> {
    let text = without_code(&without_blocks(text));
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let definition = |line: &str| {
        let (name, target) = line.trim_start().strip_prefix('[')?.split_once("]: ")?;
        (!name.is_empty()).then(|| target.trim().to_owned())
    };
    let targets = inline.map(str::to_owned).chain(text.lines().filter_map(definition));
    let is_elsewhere = |target: &str| target.contains("://") || target.starts_with("mailto:");
    targets
        // A title may follow the target: `(file.md "Title")`.
        .filter_map(|target| target.split_whitespace().next().map(str::to_owned))
        .filter(|target| !is_elsewhere(target))
        .map(|target| match target.split_once('#') {
            Some((path, anchor)) => Link { path: path.to_owned(), anchor: Some(anchor.to_owned()) },
            None => Link { path: target, anchor: None },
        })
        .collect()
}

/// The anchors of a page's headings, made as GitHub makes them: lower case, spaces as hyphens, no punctuation; a name that
/// comes again gets a number.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen = BTreeMap::<String, usize>::new();
    let mut anchors = BTreeSet::new();
    for line in without_blocks(text).lines() {
        let depth = line.bytes().take_while(|byte| *byte == b'#').count();
        let Some(heading) = line[depth..].strip_prefix(' ').filter(|_| (1..=6).contains(&depth)) else { continue };
        // Of a link in a heading only its words count.
        let (first, links) = heading.split_once("](").unwrap_or((heading, ""));
        let behind = links.split("](").map(|part| part.split_once(')').map_or(part, |(_, rest)| rest));
        let words: String = std::iter::once(first).chain(behind).collect();
        let kept = |letter: char| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            _ => letter.is_alphanumeric().then_some(letter),
        };
        let name: String = words.trim().to_lowercase().chars().filter_map(kept).collect();
        let count = seen.entry(name.clone()).or_default();
        anchors.insert(if *count == 0 { name } else { format!("{name}-{count}") });
        *count += 1;
    }
    anchors
}

/// Where a link of a page leads, relative to the root; none if it leaves the tree.
fn goal(page: &str, link: &Link) -> Option<String> {
    if link.path.is_empty() {
        return Some(page.to_owned());
    }
    let mut goal = PathBuf::from(page).parent()?.to_path_buf();
    for part in Path::new(&link.path).components() {
        match part {
            Component::Normal(name) => goal.push(name),
            Component::ParentDir => {
                if !goal.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(goal.to_string_lossy().replace('\\', "/"))
}

#[test]
fn every_link_leads_somewhere() {
    let files = files();
    let pages = pages(&files);
    assert!(pages.contains_key("README.md"), "the list of files is not the repository's");
    let anchors: BTreeMap<&str, BTreeSet<String>> = pages.iter().map(|(page, text)| (*page, anchors(text))).collect();
    let mut broken = Vec::new();
    for (page, text) in &pages {
        for link in links(text) {
            let goal = goal(page, &link);
            let is_there = goal.as_ref().is_some_and(|goal| {
                files.contains(goal)
                    || files
                        .range(format!("{goal}/")..)
                        .next()
                        .is_some_and(|file| file.starts_with(&format!("{goal}/")))
            });
            if !is_there {
                broken.push(format!("{page}: {} is not in the tree", link.path));
            } else if let (Some(goal), Some(anchor)) = (goal, &link.anchor)
                && !anchors.get(goal.as_str()).is_some_and(|known| known.contains(anchor))
            {
                broken.push(format!("{page}: {goal} has no heading #{anchor}"));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere: {broken:#?}");
}

#[test]
fn every_file_of_docs_is_linked_to() {
    let files = files();
    let mut linked = BTreeSet::new();
    for (page, text) in pages(&files) {
        linked.extend(links(&text).iter().filter_map(|link| goal(page, link)).filter(|goal| goal != page));
    }
    assert!(linked.contains("docs/performance.md"), "no links were found");
    let lonely: Vec<&String> =
        files.iter().filter(|file| file.starts_with("docs/") && !linked.contains(*file)).collect();
    assert!(lonely.is_empty(), "link to these from a page that is read, or delete them: {lonely:#?}");
}

#[test]
fn every_page_of_docs_that_code_names_is_there() {
    let files = files();
    let (mut seen, mut missing) = (0, Vec::new());
    for file in files.iter().filter(|file| file.ends_with(".rs") || file.ends_with(".toml")) {
        let text = fs::read_to_string(tests::root().join(file)).unwrap();
        for rest in text.split("docs/").skip(1) {
            let path: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_./".contains(*c)).collect();
            let Some((stem, _)) = path.split_once(".md") else { continue };
            seen += 1;
            if !files.contains(&format!("docs/{stem}.md")) {
                missing.push(format!("{file}: docs/{stem}.md"));
            }
        }
    }
    assert!(seen > 10, "only {seen} pages were found in code");
    assert!(missing.is_empty(), "comments and messages send readers to pages that are not there: {missing:#?}");
}

/// Inline code of a text, in order; blocks of code are left out.
fn spans(text: &str) -> Vec<String> {
    let text = without_blocks(text);
    text.split('`').skip(1).step_by(2).map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Whether inline code is a path of the tree: it begins with one of its folders and holds no placeholder such as ID.
fn is_path(span: &str) -> bool {
    const FOLDERS: [&str; 7] = ["crates/", "docs/", "public/", "tests/", "trainer/", "web/", "xtask/"];
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_./".contains(c);
    FOLDERS.iter().any(|folder| span.starts_with(folder)) && span.chars().all(plain)
}

#[test]
fn pages_name_files_that_are_there() {
    let files = files();
    let is_there = |path: &str| {
        let folder = format!("{}/", path.trim_end_matches('/'));
        files.contains(path) || files.range(folder.clone()..).next().is_some_and(|file| file.starts_with(&folder))
    };
    let (mut seen, mut missing) = (0, Vec::new());
    // A decision stands as it was made, and the changelog tells of what was.
    let of_today = |page: &str| !page.starts_with("docs/decisions/") && page != "CHANGELOG.md";
    for (page, text) in pages(&files).into_iter().filter(|(page, _)| of_today(page)) {
        let own = page.strip_suffix("README.md").unwrap_or_default();
        for span in spans(&text) {
            // A package's README names its own files from its folder of sources on.
            let is_own = !own.is_empty() && span.ends_with(".rs") && !is_path(&span);
            let known = match (is_path(&span), is_own) {
                (true, _) => is_there(&span),
                (_, true) => files.iter().any(|file| file.starts_with(own) && file.ends_with(&format!("/{span}"))),
                _ => continue,
            };
            seen += 1;
            if !known {
                missing.push(format!("{page}: {span}"));
            }
        }
    }
    assert!(seen > 100, "only {seen} files were found in the pages");
    assert!(missing.is_empty(), "these moved or went: {missing:#?}");
}

#[test]
fn walks_name_what_is_in_the_file_before() {
    let text = fs::read_to_string(tests::root().join("ARCHITECTURE.md")).unwrap();
    let walks = without_blocks(&text);
    let (mut seen, mut missing) = (0, Vec::new());
    for walk in walks.split("\n## ").filter(|part| part.starts_with("Walk ")) {
        let numbered = walk.lines().skip_while(|line| !line.starts_with("1. "));
        let numbered: Vec<&str> = numbered.take_while(|line| !line.trim().is_empty()).collect();
        assert!(!numbered.is_empty(), "a walk has no numbered steps: {}", walk.lines().next().unwrap_or_default());
        let mut code: Option<(String, String)> = None;
        for span in spans(&numbered.join("\n")) {
            if is_path(&span) {
                code = span.ends_with(".rs").then(|| {
                    let path = tests::root().join(&span);
                    (span, fs::read_to_string(path).unwrap_or_default())
                });
            } else if let Some((path, code)) = &code {
                let name = span.rsplit("::").next().unwrap_or_default();
                let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if is_name && !defines(code, name) && !uses(code, &span) {
                    missing.push(format!("{path} has no `{span}`"));
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "only {seen} names were found in the walks");
    assert!(missing.is_empty(), "walk them again: {missing:#?}");
}

/// Whether a source file defines a function, a type, a constant or a variant of this name, tests aside.
fn defines(code: &str, name: &str) -> bool {
    let ends = |behind: &str| behind.chars().next().is_some_and(|c| !c.is_ascii_alphanumeric() && c != '_');
    let kinds = ["fn", "struct", "enum", "trait", "type", "const", "static", "macro_rules!"];
    lines(code).any(|line| {
        let defined = kinds.into_iter().any(|kind| {
            let kind = format!("{kind} {name}");
            line.match_indices(&kind).any(|(at, _)| ends(&line[at + kind.len()..]))
        });
        // A variant of an enum stands first in its line.
        let variant = line.strip_prefix(name).is_some_and(|behind| behind.starts_with([',', '(']) || behind == " {");
        defined || variant
    })
}

/// Whether a source file writes a name of a type with what belongs to it, as in `Request::Open`, tests aside.
fn uses(code: &str, span: &str) -> bool {
    span.contains("::") && lines(code).any(|line| line.contains(span))
}

/// Lines of code, without those of tests and comments.
fn lines(code: &str) -> impl Iterator<Item = &str> {
    let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

#[test]
fn a_definition_is_neither_a_comment_nor_a_part_of_another_name() {
    let code = "/// fn b G::H\npub struct A<T>(T);\nfn c_d() { e(I::J); }\nenum K {\n    L(u8),\n}\n\
                #[cfg(test)]\nmod tests {\nfn f() {}\n}\n";
    let found = ["A", "b", "c", "c_d", "e", "f", "L"].map(|name| defines(code, name));
    assert_eq!(found, [true, false, false, true, false, false, true]);
    assert_eq!(["G::H", "I::J", "e"].map(|span| uses(code, span)), [false, true, false]);
}

#[test]
fn links_are_found_and_code_is_passed_over() {
    let text = "[a](b.md#c) and ![d](e.svg \"D\")\n`[no](no.md)` [out](https://x.y/z) [two\nlines](#here)\n\n\
                ```sh\n[no](no.md)\n```\n[ref]: f.md\n";
    let link = |path: &str, anchor: Option<&str>| Link { path: path.into(), anchor: anchor.map(Into::into) };
    assert_eq!(links(text), [link("b.md", Some("c")), link("e.svg", None), link("", Some("here")), link("f.md", None)]);
}

#[test]
fn anchors_are_made_as_on_github() {
    let text = "# Does routing help here?\n## `l1_weight`, eq. (4)\n## A [link](x.md) (b)\n```\n# no heading\n```\n\
                ## Files\n### Files\n#no\n";
    let expected = ["does-routing-help-here", "l1_weight-eq-4", "a-link-b", "files", "files-1"];
    assert_eq!(anchors(text), expected.map(str::to_owned).into());
}

#[test]
fn a_goal_is_relative_to_its_page_and_stays_in_the_tree() {
    let to = |path: &str| goal("docs/results/table-2.md", &Link { path: path.into(), anchor: None });
    assert_eq!(to("table-2.svg").as_deref(), Some("docs/results/table-2.svg"));
    assert_eq!(to("../training.md").as_deref(), Some("docs/training.md"));
    assert_eq!(to("").as_deref(), Some("docs/results/table-2.md"));
    assert_eq!(to("../../../elsewhere.md"), None);
}
