"""Writes every shell script in workflows, actions, GitLab templates and Kubernetes manifests to a file of its own.

    steps.py FOLDER FILE…
"""

import pathlib
import sys

import yaml


def scripts(document):
    """Yields (name, shell, script) for each script at or below a YAML value."""
    if isinstance(document, list):
        for value in document:
            yield from scripts(value)
    if not isinstance(document, dict):
        return
    if isinstance(document.get("run"), str):
        yield document.get("name") or document.get("id") or "step", "bash", document["run"]
    if isinstance(document.get("script"), list):
        yield "script", "sh", "\n".join(document["script"])
    if document.get("command", [])[:1] == ["sh"]:
        yield document["name"], "sh", "\n".join(document["args"])
    for value in document.values():
        yield from scripts(value)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True)
    written = 0
    for path in map(pathlib.Path, sys.argv[2:]):
        for document in yaml.safe_load_all(path.read_text()):
            for name, shell, script in scripts(document):
                written += 1
                name = f"{path.stem}-{written}-{name.lower().replace(' ', '-')}"
                (folder / name).write_text(f"#!/usr/bin/env {shell}\nset -e\n{script}\n")
    print(f"{written} scripts")
    return 0 if written else 1


sys.exit(main())
