//! A mock as a program of its own.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::Folder;

/// A mock that runs until it is dropped.
pub(super) struct Mock {
    child: Child,
    pub(super) url: String,
    /// What it tells of itself.
    vars: BTreeMap<String, String>,
}

impl Mock {
    pub(super) fn start(folder: &Folder, name: &str, config: &Value) -> Option<Self> {
        Self::start_at(folder, name, config, 0)
    }

    /// On a port, if nobody else has it.
    pub(super) fn start_at(folder: &Folder, name: &str, config: &Value, port: u16) -> Option<Self> {
        let file = format!("{name}.json");
        folder.write(&file, config.to_string());
        let mut command = folder.command(&["mock", name, "--port", &port.to_string(), "--config", &file]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let Some(first) = lines.next() else {
            child.wait().unwrap();
            return None;
        };
        let url = first.rsplit(' ').next().unwrap().to_owned();
        let vars = lines.by_ref().take_while(|line| !line.starts_with("Ctrl-C"));
        let vars = vars.filter_map(|line| line.trim().split_once(" = ").map(|(n, v)| (n.to_owned(), v.to_owned())));
        let vars = vars.collect();
        // Its journal is read so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, url, vars })
    }

    pub(super) fn origin(&self) -> String {
        self.url.split('/').take(3).collect::<Vec<_>>().join("/")
    }

    pub(super) fn var(&self, name: &str) -> Value {
        let text = self.vars.get(name).unwrap_or_else(|| panic!("{name} of {:?}", self.vars.keys()));
        serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.var(name).as_str().unwrap().to_owned()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
