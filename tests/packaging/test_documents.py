"""What the documents name exists: files, tests, make targets, dependencies."""

import re
from pathlib import Path

import pytest
from skrouter_testing.source_tree import ROOT, setup_cfg

PROMISES = ROOT / "docs" / "promises.md"
NOT_YET = "no test yet"


def requirements() -> set[str]:
    """Names of the Python packages that setup.cfg asks for."""
    text = setup_cfg("options", "install_requires") + setup_cfg("options.extras_require", "dev")
    return {re.split(r"[\s=<>!~\[;]", line)[0] for line in text.split("\n") if line.strip()}


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    assert requirements() - set(re.findall(r"`([\w-]+)`", text)) == set()


def promise_rows() -> list[tuple[str, str]]:
    rows = re.findall(r"^\| (?!promise |---)(.+?) \| (.+?) \|$", PROMISES.read_text(), re.MULTILINE)
    return [(promise, proof) for promise, proof in rows]


def test_promises_are_read() -> None:
    assert len(promise_rows()) >= 8


@pytest.mark.parametrize(("promise", "proof"), promise_rows())
def test_promise_names_tests_that_exist(promise: str, proof: str) -> None:
    if proof == NOT_YET:
        return
    named = re.findall(r"`(tests/[\w/.]+)::(test_\w+)`", proof)
    assert named, f"{promise}: write tests as `tests/…/test_file.py::test_name`, or {NOT_YET!r}"
    for file, test in named:
        assert re.search(rf"^\s*(async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE), (
            f"{file} has no {test}"
        )


def files_named_in(document: Path) -> set[str]:
    """Paths in code marks, without those that a build makes."""
    names = re.findall(r"`([\w.-]+(?:/[\w.-]+)+/?)`", document.read_text())
    return {name for name in names if not name.startswith((".venv/", "build/"))}


DOCUMENTS = [
    "README.md",
    "CHANGELOG.md",
    *sorted(f"docs/{path.relative_to(ROOT / 'docs')}" for path in (ROOT / "docs").rglob("*.md")),
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_exists(document: str) -> None:
    missing = sorted(name for name in files_named_in(ROOT / document) if not (ROOT / name).exists())
    assert missing == []


def test_every_make_target_that_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^ {4})make ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert named
    assert named <= targets
