"""What this version cannot do is found in a file and in a single entity alike."""

import random
from pathlib import Path

import pytest
from skrouter.cli.unsupported import lacking_in, refusal
from skrouter.config.loader import load


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("router {\n mode: interior\n}\nlistener {\n role: inter-router\n port: 1\n}\n", []),
        ("router {\n mode: edge\n}\nnetwork {\n networkId: n\n}\n", []),
        ("policy {\n enableVhostPolicy: yes\n}\n", ["policy enableVhostPolicy"]),
        ("autoLink {\n direction: in\n}\nautoLink {\n direction: in\n address: a\n}\n", []),
        ("listener {\n role: inter-network\n name: l\n}\n", []),
        ("connector {\n role: inter-network\n name: c\n}\n", []),
    ],
)
def test_what_is_asked_for_in_vain_is_named_once(tmp_path: Path, text: str, found: list[str]) -> None:
    path = tmp_path / "a.conf"
    path.write_text(text)
    assert lacking_in(load(path, random=random.Random(1))) == found


def test_refusal_says_what_to_do() -> None:
    assert refusal(["a", "b"]) == "this version does not support: a, b; remove it"
