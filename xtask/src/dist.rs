//! `cargo xtask dist`: what is needed to publish, in `dist/`: a folder, and the same as one archive.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    compress::{self, Quality},
    native, page,
    project::Project,
    step::{Steps, execute},
    tools,
};

/// What starts the server where the archive was unpacked. Words behind it go to `portal serve`.
#[cfg(unix)]
const START: (&str, &str) = (
    "start",
    "#!/bin/sh\n\
     # Serves page and leaderboard on http://127.0.0.1:8080; what is submitted is kept in the folder `data`.\n\
     cd \"$(dirname \"$0\")\" && exec ./portal serve --site site --public site \"$@\"\n",
);
#[cfg(not(unix))]
const START: (&str, &str) = ("start.cmd", "@cd /d \"%~dp0\"\r\n@portal.exe serve --site site --public site %*\r\n");

/// What lies beside it.
const README: &str = "\
GLAE: page, weights and leaderboard server, built for one platform.

Start it with the program `start` in this folder, then open http://127.0.0.1:8080/. Nothing else is needed, and nothing is
installed. `start --listen 0.0.0.0:8080` serves other machines too; browsers open camera and WebGPU to those over HTTPS only.

site/    the page and all it reads: any web server can serve it, with the headers that `portal` sends
portal   the server; `portal help` says what else it can do
data/    appears at the first start and holds what is submitted

Code: MIT or Apache-2.0. The weights carry their own terms in their manifests, site/weights/NAME/manifest.json.
";

/// The folder in `dist/` and in the archive.
const FOLDER: &str = "glae";

/// Writes `dist/glae` with page, server and a program that starts it, and the same as an archive.
pub(crate) fn run(project: &Project, steps: &mut Steps) -> Result<()> {
    tools::install(project, steps)?;
    steps.run("glue", "writes the JavaScript around the page's programs", || execute(&mut native::glue(project)))?;
    let built = page::build(project, steps, Quality::Best)?;
    let dist = project.path("dist");
    let folder = dist.join(FOLDER);
    steps.run("site", "the page and public/ in one folder", || {
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        let site = folder.join("site");
        copy(&project.path("public"), &site)?;
        // Second, so that nothing in public/ can hide a file of the page. This also brings the page's .br files;
        // the run below finds them again in its cache and adds those of public/.
        copy(&built, &site)?;
        compress::folder(&site, &project.target.join("precompressed"), Quality::Best)
    })?;
    steps.run("server", "portal as a release build", || {
        execute(&mut project.cargo(&["build", "--locked", "--release", "--package", "portal"]))?;
        let portal = format!("portal{}", std::env::consts::EXE_SUFFIX);
        fs::copy(project.target.join("release").join(&portal), folder.join(&portal)).context("cannot copy portal")?;
        let start = folder.join(START.0);
        fs::write(&start, START.1).with_context(|| format!("cannot write {}", start.display()))?;
        make_executable(&start)?;
        fs::write(folder.join("README.txt"), README).context("cannot write README.txt")
    })?;
    let archive = format!("{FOLDER}-{}-{}.tar.gz", env!("CARGO_PKG_VERSION"), tools::host()?);
    steps.run("archive", "one file that another machine unpacks", || {
        execute(project.command("tar").args(["-czf", &archive, FOLDER]).current_dir(&dist))
    })?;
    steps.run("trial", "unpacks it elsewhere and starts it, as another machine would", || {
        let elsewhere = project.target.join("dist-trial");
        if elsewhere.exists() {
            fs::remove_dir_all(&elsewhere).with_context(|| format!("cannot empty {}", elsewhere.display()))?;
        }
        fs::create_dir_all(&elsewhere).with_context(|| format!("cannot make {}", elsewhere.display()))?;
        execute(project.command("tar").arg("-xzf").arg(dist.join(&archive)).current_dir(&elsewhere))?;
        let mut start = project.command(elsewhere.join(FOLDER).join(START.0));
        // The environment's database and store are not for it.
        start.env_remove("DATABASE_URL").env_remove("GLAE_DATABASE_URL").env_remove("GLAE_STORE");
        answers(start.args(["--listen", "127.0.0.1:0"]))?;
        fs::remove_dir_all(&elsewhere).with_context(|| format!("cannot delete {}", elsewhere.display()))
    })?;
    println!("\nIn {}:", dist.display());
    println!("  {archive}: on another machine, tar -xzf {archive} && {FOLDER}/{}", START.0);
    println!(
        "  {FOLDER}/: the same, unpacked; any web server can serve its site/ with the headers of crates/portal/src/policy.rs"
    );
    Ok(())
}

/// Starts a server of the page, asks it for a few files, and ends it.
///
/// # Errors
/// It does not start, or one of them is not there.
fn answers(start: &mut Command) -> Result<()> {
    let mut server = Server(start.stdout(Stdio::piped()).spawn().context("the server cannot be started")?);
    let output = server.0.stdout.take().context("its output is piped")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let Some(address) = line.trim().strip_prefix("listening on http://") else {
        bail!("the server did not start: {line:?}");
    };
    let address = address.trim_end_matches('/');
    for (path, part) in [("/", "<title>GLAE"), ("/weights/index.json", "utkface"), ("/api/v1/boards", "utkface-lt")] {
        let mut stream = TcpStream::connect(address).with_context(|| format!("nobody answers on {address}"))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        ensure!(
            answer.starts_with("HTTP/1.1 200"),
            "{path} is answered with {}",
            answer.lines().next().unwrap_or("nothing")
        );
        ensure!(answer.contains(part), "{path} does not say {part:?}");
        println!("{path} is there");
    }
    Ok(())
}

/// Ended when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes a file executable for all users.
#[cfg(unix)]
fn make_executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o755))?)
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> Result<()> {
    Ok(())
}

/// Copies all files under `from` to the same places under `to`.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in compress::files(from)? {
        let goal: PathBuf = to.join(file.strip_prefix(from)?);
        if let Some(parent) = goal.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        fs::copy(&file, &goal).with_context(|| format!("cannot copy {} to {}", file.display(), goal.display()))?;
    }
    Ok(())
}
