"""Reads configuration files: the only I/O here. What they mean belongs to parser and configuration."""

import os
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from skrouter.config.configuration import Draft
from skrouter.config.errors import ConfigError, Problem, in_file
from skrouter.config.model import Configuration
from skrouter.config.parser import parse
from skrouter.config.rules.context import about
from skrouter.config.schema import Schema, load_schema

_ID_CHARACTERS = string.ascii_letters + string.digits + "+_"
_ID_LENGTH = 15


class RandomSource(Protocol):
    """Where randomness comes from: `random.Random` and `random.SystemRandom` are such sources."""

    def choice(self, seq: Sequence[str], /) -> str:
        """One of the elements, each with the same probability."""


class SystemSource:
    """The randomness of the operating system."""

    def choice(self, seq: Sequence[str], /) -> str:
        """One of the elements; the bias of 64 random bits over a short sequence cannot be noticed."""
        return seq[int.from_bytes(os.urandom(8)) % len(seq)]


def load(
    path: str | Path, *, schema: Schema | None = None, random: RandomSource | None = None
) -> Configuration:
    """The configuration of a file and of the vhost files in its policyDir.

    ConfigError with every problem of all these files if there is one. `random` gives the id of a router that
    has none in the file.
    """
    name = str(path)
    source = random or SystemSource()
    parsed = parse(_read(name), name)
    if parsed.problems and name.endswith(".json"):
        # what follows a mistake in the list form was not read: the rest would show faults that are none
        raise _cannot_load(name, in_file(parsed.problems, name))
    draft = Draft(schema or load_schema(), name)
    draft.problems.extend(in_file(parsed.problems, name))
    draft.warnings.extend(in_file(parsed.warnings, name))
    draft.add_sections(parsed.sections, lambda mode: random_router_id(mode, source))
    _add_policy_files(draft)
    draft.check()
    if draft.problems:
        raise _cannot_load(name, draft.problems)
    return draft.finish()


def random_router_id(mode: str, source: RandomSource) -> str:
    """An id for a router without one: `Interior_` and 15 characters."""
    return f"{mode.capitalize()}_{''.join(source.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH))}"


def _cannot_load(name: str, problems: list[Problem]) -> ConfigError:
    return ConfigError(problems, f"Cannot load configuration file {name}")


def _add_policy_files(draft: Draft) -> None:
    """Adds the vhosts of the files in policyDir, by name of file."""
    for policy in [entity for entity in draft.entities if entity.short_type == "policy"]:
        folder = policy.text("policyDir")
        if not folder:
            continue
        try:
            files = sorted(str(file) for file in Path(folder).iterdir() if file.suffix == ".json")
        except OSError as error:
            text = f"policyDir '{folder}' could not be read: {error.strerror}"
            draft.problems.append(
                about(policy, "policyDir", text, "give a readable directory", "PolicyError")
            )
            continue
        for file in files:
            _add_policy_file(draft, file)


def _add_policy_file(draft: Draft, name: str) -> None:
    try:
        parsed = parse(_read(name), name)
    except ConfigError as error:
        draft.problems.extend(in_file(error.problems, name))
        return
    draft.problems.extend(in_file(parsed.problems, name))
    draft.warnings.extend(in_file(parsed.warnings, name))
    draft.add_vhosts(parsed.sections, name)


def _read(path: str) -> str:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise _unusable(
            f"Configuration file could not be opened: {path}: {error.strerror}", "give a readable file"
        ) from error
    except ValueError as error:
        raise _unusable(
            f"Configuration file could not be opened: {path!r}: {error}", "give a file name"
        ) from error
    if not content:
        raise _unusable(f"Configuration file was empty: {path}", "put at least a router section into it")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = Problem("The file is not UTF-8 text", "save it as UTF-8", file=path, line=line)
        raise ConfigError([problem], f"Cannot load configuration file {path}") from error


def _unusable(text: str, remedy: str) -> ConfigError:
    return ConfigError([Problem(text, remedy, "Configuration")])
