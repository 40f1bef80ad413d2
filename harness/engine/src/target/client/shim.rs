//! A stand-in for a browser: a script that takes down what it is asked to open and returns at once.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// Names under which programs look for a browser.
const OPENERS: [&str; 6] = ["xdg-open", "gio", "x-www-browser", "sensible-browser", "www-browser", "open"];

/// Variables that lead to a real browser.
const DESKTOP: [&str; 3] = ["DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP"];

/// The folder of the script, in the scratch folder.
const FOLDER: &str = ".browser";

/// Each argument on a line of its own. The file is found beside the script, under whatever name that was called.
const SCRIPT: &str = "#!/bin/sh\nprintf '%s\\n' \"$@\" >> \"${0%/*}/handed\"\n";

/// Puts the stand-in into the folder and into the environment of a program; returns the file that it writes.
///
/// # Errors
/// When the folder cannot be written.
pub(super) fn install(scratch: &Path, environment: &mut BTreeMap<String, String>) -> io::Result<PathBuf> {
    let folder = scratch.join(FOLDER);
    fs::create_dir(&folder)?;
    let script = folder.join("browser");
    fs::write(&script, SCRIPT)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700))?;
    for name in OPENERS {
        symlink(&script, folder.join(name))?;
    }
    for name in DESKTOP {
        environment.remove(name);
    }
    let path = environment.get("PATH").cloned().or_else(|| std::env::var("PATH").ok()).unwrap_or_default();
    let separator = if path.is_empty() { "" } else { ":" };
    environment.insert("PATH".to_owned(), format!("{}{separator}{path}", folder.display()));
    environment.insert("BROWSER".to_owned(), script.display().to_string());
    Ok(folder.join("handed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_opener_takes_its_arguments_down() {
        let scratch = tempfile::Builder::new().prefix("with blank ").tempdir().expect("a folder");
        let mut environment = BTreeMap::from([("DISPLAY".to_owned(), ":0".to_owned())]);
        let handed = install(scratch.path(), &mut environment).expect("it is installed");
        assert!(!environment.contains_key("DISPLAY"));
        let run = |line: &str| {
            let status =
                std::process::Command::new("/bin/sh").args(["-c", line]).env_clear().envs(&environment).status();
            assert!(status.expect("sh is there").success(), "{line}");
        };
        run("\"$BROWSER\" 'http://127.0.0.1/?a=1&b=$HOME'");
        run("gio open http://127.0.0.1/2");
        run("for name in xdg-open x-www-browser sensible-browser www-browser open; do $name $name; done");
        let text = fs::read_to_string(handed).expect("it was written");
        let expected = [
            "http://127.0.0.1/?a=1&b=$HOME",
            "open",
            "http://127.0.0.1/2",
            "xdg-open",
            "x-www-browser",
            "sensible-browser",
            "www-browser",
            "open",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }
}
