//! The page as a folder to serve: which file has which name there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::{compress, page::PROGRAMS, project::Project};

/// Loaders of the programs that index.html does not start, see `docs/decisions/0005-wasm-programs-and-their-loaders.md`.
const LOADERS: [&str; 3] =
    ["inference/inference_loader.js", "leaderboard/leaderboard_loader.js", "scoring/scorer_loader.js"];

/// The program that index.html starts. Its names change with the content, as those of the styles do.
const STARTED: &str = "shell";

/// What a page asks for that is served while it is worked on: whether it is still the newest.
const RELOAD: &str = r#"  <script>
    {
      let shown;
      setInterval(async () => {
        try {
          const newest = await (await fetch("/index.html", { cache: "no-store" })).text();
          shown ??= newest;
          if (newest !== shown) location.reload();
        } catch {
          // The server starts again after each build.
        }
      }, 1000);
    }
  </script>
</head>"#;

/// Writes all files of the page into `dist`, and takes away what is not of it.
pub(crate) fn write(project: &Project, dist: &Path, reload: bool) -> Result<()> {
    let web = project.path("web");
    let mut files = BTreeMap::new();
    for file in compress::files(&web.join("assets"))? {
        let name = file.strip_prefix(web.join("assets"))?.to_str().context("a file's name is no text")?;
        files.insert(name.replace('\\', "/"), read(&file)?);
    }
    for loader in LOADERS {
        let path = web.join("src").join(loader);
        files.insert(file_name(&path)?, read(&path)?);
    }
    let mut hashed = BTreeMap::new();
    for file in compress::files(&web.join("styles"))? {
        hashed.insert(file_name(&file)?, read(&file)?);
    }
    let charts = read(&project.path("crates/glae-chart/src/chart.css"))?;
    hashed.entry("leaderboard.css".to_owned()).or_default().extend(charts);
    for program in &PROGRAMS {
        for file in compress::files(&program.folder(project))? {
            let place = file.strip_prefix(program.folder(project))?.to_path_buf();
            if place == Path::new("made-of") {
                continue;
            }
            // Files beside the two would need names of their own, which no program asks for so far.
            ensure!(place.components().count() == 1, "{} has no place in the page", file.display());
            let kept = if program.name == STARTED { &mut hashed } else { &mut files };
            kept.insert(file_name(&file)?, read(&file)?);
        }
    }
    let index = String::from_utf8(read(&web.join("index.html"))?).context("web/index.html is no text")?;
    let mut index = named(&index, &mut files, hashed)?;
    if reload {
        let mut all = Sha256::new();
        files.values().for_each(|content| all.update(content));
        index = index.replacen("</head>", RELOAD, 1) + &format!("<!-- {:x} -->\n", all.finalize());
    }
    files.insert("index.html".to_owned(), index.into_bytes());
    replace(dist, &files)
}

/// The page's text with the names that its `hashed` files get, under which they join the others.
fn named(index: &str, files: &mut BTreeMap<String, Vec<u8>>, hashed: BTreeMap<String, Vec<u8>>) -> Result<String> {
    let mut index = index.to_owned();
    for (name, content) in hashed {
        let quoted = format!("\"/{name}\"");
        ensure!(index.contains(&quoted), "web/index.html does not ask for {quoted}, which is part of the page");
        let with_hash = with_hash(&name, &content);
        index = index.replace(&quoted, &format!("\"/{with_hash}\""));
        files.insert(with_hash, content);
    }
    Ok(index)
}

/// `shell.js` as `shell-0123456789abcdef.js`, `shell_bg.wasm` as `shell-0123456789abcdef_bg.wasm`: names by which the server
/// (`crates/portal/src/cache.rs`) and the service worker know that the content never changes.
fn with_hash(name: &str, content: &[u8]) -> String {
    let (stem, end) = name.find(['_', '.']).map_or((name, ""), |at| name.split_at(at));
    let hash = format!("{:x}", Sha256::digest(content));
    format!("{stem}-{}{end}", &hash[..16])
}

/// Makes `dist` hold these files and no others. Whoever reads a page meanwhile finds what it names: new files come before the
/// page, and old ones go after it.
fn replace(dist: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let page = |name: &String| name == "index.html";
    let (last, first): (Vec<_>, Vec<_>) = files.iter().partition(|(name, _)| page(name));
    for (name, content) in first.into_iter().chain(last) {
        let path = dist.join(name);
        if fs::read(&path).is_ok_and(|there| there == *content) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let kept: BTreeSet<PathBuf> = files.keys().map(|name| dist.join(name)).collect();
    for old in compress::files(dist)?.into_iter().filter(|file| !kept.contains(file)) {
        fs::remove_file(&old).with_context(|| format!("cannot delete {}", old.display()))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn file_name(path: &Path) -> Result<String> {
    Ok(path.file_name().and_then(|name| name.to_str()).context("a file's name is no text")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_stands_before_what_says_the_kind() {
        // The first sixteen digits of SHA-256 of "abc", FIPS 180-2.
        assert_eq!(with_hash("shell.js", b"abc"), "shell-ba7816bf8f01cfea.js");
        assert_eq!(with_hash("shell_bg.wasm", b"abc"), "shell-ba7816bf8f01cfea_bg.wasm");
    }

    #[test]
    fn the_page_asks_for_what_there_is() {
        let mut files = BTreeMap::new();
        let hashed = || BTreeMap::from([("a.css".to_owned(), b"abc".to_vec())]);
        let index = named("<link href=\"/a.css\"> a.css", &mut files, hashed()).unwrap();
        assert_eq!(index, "<link href=\"/a-ba7816bf8f01cfea.css\"> a.css");
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a-ba7816bf8f01cfea.css"]);
        let error = named("<link href=\"/b.css\">", &mut files, hashed()).unwrap_err().to_string();
        assert!(error.contains("\"/a.css\""), "{error}");
    }

    #[test]
    fn a_folder_holds_the_files_of_the_newest_page_only() {
        let home = tempfile::tempdir().unwrap();
        let dist = home.path().join("dist");
        let files = |names: &[(&str, &str)]| {
            names.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
        };
        replace(&dist, &files(&[("index.html", "1"), ("deep/a.js", "a"), ("old.css", "o")])).unwrap();
        let newest = files(&[("index.html", "2"), ("deep/a.js", "b")]);
        replace(&dist, &newest).unwrap();
        for (name, content) in &newest {
            assert_eq!(&fs::read(dist.join(name)).unwrap(), content);
        }
        assert_eq!(compress::files(&dist).unwrap().len(), 2);
    }

    #[test]
    fn the_page_that_is_written_names_every_style_and_the_program_that_paints() {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web");
        let index = fs::read_to_string(web.join("index.html")).unwrap();
        let styles = compress::files(&web.join("styles")).unwrap();
        let mut names: Vec<_> = styles.iter().map(|file| file_name(file).unwrap()).collect();
        names.extend([format!("{STARTED}.js"), format!("{STARTED}_bg.wasm")]);
        for name in names {
            assert!(index.contains(&format!("\"/{name}\"")), "{name}");
        }
    }
}
