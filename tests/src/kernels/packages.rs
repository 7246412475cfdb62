//! Fetches kernels and busybox as Debian packages, by pattern, through a private apt configuration with this host's mirrors.
//!
//! Nothing is installed and the host's own apt is untouched. The cache lies outside the tree: `BTC_KERNELS`, or
//! `btc-kernels` in `XDG_CACHE_HOME` or `~/.cache`. A kernel that is there is used as it is; remove it to get a newer build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

use super::image;
use crate::lock::lock;
use crate::object_file;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Suites that hold the kernels: 5.10 in bullseye-security, 6.1 in bookworm-security and bookworm, newer ones in backports.
const SUITES: &[&str] = &["bookworm", "bookworm-backports", "trixie-backports"];
const SECURITY_SUITES: &[&str] = &["bullseye-security", "bookworm-security"];

/// Since 6.19 the image's package is a metapackage of these.
const SPLIT_PACKAGES: &[&str] = &["linux-binary", "linux-modules", "linux-base"];

/// The cache of kernels and busybox.
pub struct Cache {
    dir: PathBuf,
}

/// A kernel that can be booted.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// `6.1`, or `6.1g` for the generic build.
    pub version: String,
    pub image: PathBuf,
    /// A module of this very build, with BTF. `None` if it could not be had.
    pub module: Option<PathBuf>,
}

/// The module that cases load.
pub const MODULE: &str = "loop.ko";

impl Cache {
    pub fn open() -> Result<Cache> {
        let from = |name: &str| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        let dir = from("BTC_KERNELS")
            .or_else(|| Some(from("XDG_CACHE_HOME")?.join("btc-kernels")))
            .or_else(|| Some(from("HOME")?.join(".cache/btc-kernels")))
            .context("no cache folder: set BTC_KERNELS, XDG_CACHE_HOME or HOME")?;
        fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        Ok(Cache { dir })
    }

    /// The kernel of a version such as `6.1`, fetched if it is not there yet.
    pub fn kernel(&self, version: &str) -> Result<Kernel> {
        let image = self.dir.join(format!("vmlinux-{version}"));
        let module = self.dir.join(format!("module-{version}-{MODULE}"));
        let _lock = self.lock()?;
        // An older cache has no modules; they must be of the same build, so both are fetched.
        if !image.exists() || !module.exists() {
            let fetched = self
                .fetch_kernel(version, &image, &module)
                .with_context(|| format!("kernel {version} cannot be fetched"));
            match fetched {
                Err(error) if image.exists() => eprintln!("no {MODULE} for the VM: {error:#}"),
                other => other?,
            }
        }
        Ok(Kernel {
            version: version.to_string(),
            image,
            module: Some(module).filter(|m| m.exists()),
        })
    }

    /// A static busybox.
    pub fn busybox(&self) -> Result<PathBuf> {
        let path = self.dir.join("busybox");
        let _lock = self.lock()?;
        if !path.exists() {
            self.update().context("busybox cannot be fetched")?;
            let unpacked = self
                .unpack(&["busybox-static"])
                .context("busybox cannot be fetched")?;
            let binary = ["bin/busybox", "usr/bin/busybox"].map(|p| unpacked.path().join(p));
            let binary = binary
                .iter()
                .find(|p| p.exists())
                .context("busybox-static holds no busybox")?;
            install(binary, &path)?;
        }
        Ok(path)
    }

    /// The files of a package of Debian 12, unpacked.
    pub fn package(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(format!("package-{name}"));
        let _lock = self.lock()?;
        if !path.exists() {
            let failed = || format!("package {name} cannot be fetched");
            self.update().with_context(failed)?;
            eprintln!("fetching {name}");
            let wanted = format!("{name}/bookworm");
            let unpacked = self.unpack(&[&wanted]).with_context(failed)?;
            fs::rename(unpacked.keep(), &path)?;
        }
        Ok(path)
    }

    /// A kernel's BTF, as /sys/kernel/btf/vmlinux of it would be.
    pub fn btf(&self, kernel: &Kernel) -> Result<PathBuf> {
        let path = self.dir.join(format!("btf-{}", kernel.version));
        if !path.exists() {
            let btf = object_file::section(&fs::read(&kernel.image)?, ".BTF")?;
            write(&path, &btf)?;
        }
        Ok(path)
    }

    /// One fetch at a time.
    fn lock(&self) -> Result<fs::File> {
        lock(&self.dir.join("lock"))
    }

    fn fetch_kernel(&self, version: &str, image: &Path, module: &Path) -> Result<()> {
        self.update()?;
        let package = self.newest(version)?;
        eprintln!("fetching {package}");
        let mut unpacked = vec![self.unpack(&[&package])?];
        if find(unpacked[0].path(), "vmlinuz").is_none() {
            for part in SPLIT_PACKAGES {
                unpacked.push(self.unpack(&[&package.replace("linux-image", part)])?);
            }
        }
        let file = |name: &str| unpacked.iter().find_map(|dir| find(dir.path(), name));
        let packed = file("vmlinuz").with_context(|| format!("no kernel in {package}"))?;
        // What was taken from another build goes.
        let _ = fs::remove_file(self.dir.join(format!("btf-{version}")));
        let _ = fs::remove_file(module);
        write(image, &image::decompress(&packed)?)?;
        let packed = file(MODULE).with_context(|| format!("no {MODULE} in {package}"))?;
        write(module, &image::decompress_module(&packed)?)
    }

    /// The newest package of a version's cloud build (`6.1g`: of the generic build).
    fn newest(&self, version: &str) -> Result<String> {
        let (number, flavour) = match version.strip_suffix('g') {
            Some(number) => (number, "-amd64"),
            None => (version, "-cloud-amd64"),
        };
        let prefix = format!("linux-image-{number}.");
        let output = self.apt("apt-cache").args(["pkgnames", &prefix]).output()?;
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        let fits = |name: &&str| {
            let middle = name
                .strip_prefix(&prefix)
                .and_then(|n| n.strip_suffix(flavour));
            middle.is_some_and(is_version_text)
        };
        let newest = names.lines().filter(fits).max_by_key(|name| numbers(name));
        newest
            .map(str::to_string)
            .with_context(|| format!("no package {prefix}*{flavour}"))
    }

    fn apt_dir(&self) -> PathBuf {
        self.dir.join("apt")
    }

    /// apt-get or apt-cache on the private configuration.
    fn apt(&self, program: &str) -> Command {
        let dir = self.apt_dir();
        let mut command = Command::new(program);
        for (key, value) in [
            ("Dir::Etc::sourcelist", dir.join("sources.list")),
            ("Dir::Etc::sourceparts", "-".into()),
            ("Dir::State::lists", dir.join("lists")),
            ("Dir::Cache", dir.join("cache")),
        ] {
            command.arg("-o").arg(format!("{key}={}", value.display()));
        }
        command.args(["-o", "Acquire::Retries=3"]);
        command
    }

    fn update(&self) -> Result<()> {
        let dir = self.apt_dir();
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(dir.join(folder))?;
        }
        fs::write(dir.join("sources.list"), sources()?)?;
        run(self.apt("apt-get").arg("update"))?;
        Ok(())
    }

    /// Downloads packages and unpacks them in a folder that goes when dropped.
    fn unpack(&self, packages: &[&str]) -> Result<tempfile::TempDir> {
        let downloads = tempfile::tempdir_in(&self.dir)?;
        run(self
            .apt("apt-get")
            .arg("download")
            .args(packages)
            .current_dir(downloads.path()))?;
        let unpacked = tempfile::tempdir_in(&self.dir)?;
        for entry in fs::read_dir(downloads.path())? {
            run(Command::new("dpkg")
                .arg("-x")
                .arg(entry?.path())
                .arg(unpacked.path()))?;
        }
        Ok(unpacked)
    }
}

/// The lines of sources.list: this host's Debian mirrors, with the suites that we need.
fn sources() -> Result<String> {
    let targets = run(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Created-By: Packages",
    ]))?;
    let targets = String::from_utf8_lossy(&targets.stdout).into_owned();
    let mut uris: Vec<&str> = targets.lines().collect();
    uris.sort_unstable();
    uris.dedup();
    let mut lines = String::new();
    for uri in uris {
        let suites = match uri.trim_end_matches('/').rsplit('/').next() {
            Some("debian") => SUITES,
            Some("debian-security") => SECURITY_SUITES,
            _ => continue,
        };
        for suite in suites {
            lines.push_str(&format!(
                "deb [arch=amd64 signed-by={KEYRING}] {uri} {suite} main\n"
            ));
        }
    }
    if lines.is_empty() {
        bail!("apt knows no Debian mirror on this host");
    }
    Ok(lines)
}

fn run(command: &mut Command) -> Result<Output> {
    let output = command
        .output()
        .with_context(|| format!("starting {command:?}"))?;
    if !output.status.success() {
        let name = command.get_program().to_string_lossy().into_owned();
        bail!(
            "{name} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(output)
}

/// The rest of a package's version, without words such as `rt` or `unsigned`: `117+deb12`, `0-46`, `12-1~bpo`.
fn is_version_text(text: &str) -> bool {
    let text = text.replace("deb", "");
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || "+-.".contains(c))
}

/// The numbers in a name: what versions are compared by.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit())
        .filter_map(|n| n.parse().ok())
        .collect()
}

/// A file below a folder whose name starts so.
fn find(dir: &Path, start: &str) -> Option<PathBuf> {
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).ok()?.flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                folders.push(path);
            } else if entry.file_name().to_string_lossy().starts_with(start) {
                return Some(path);
            }
        }
    }
    None
}

/// Under another name first, so that a file in the cache is always whole.
fn write(to: &Path, content: &[u8]) -> Result<()> {
    let part = to.with_extension("part");
    fs::write(&part, content)?;
    fs::rename(&part, to)?;
    Ok(())
}

/// Copies under another name first, so that a file in the cache is always whole.
fn install(from: &Path, to: &Path) -> Result<()> {
    let part = to.with_extension("part");
    fs::copy(from, &part)?;
    fs::rename(&part, to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_by_number() {
        assert!(numbers("linux-image-6.1.0-9-amd64") < numbers("linux-image-6.1.0-40-amd64"));
        assert!(is_version_text("117+deb12") && is_version_text("0-46"));
        assert!(!is_version_text("0-46-rt") && !is_version_text(""));
    }
}
