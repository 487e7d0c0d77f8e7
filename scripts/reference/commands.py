"""Reference of the commands of `skupper`: a page in Markdown for each, a man page for each group."""

from collections.abc import Iterator
from dataclasses import dataclass

import click
from skrouter.cli.commands.examples import EXAMPLES
from skrouter.cli.commands.session import global_options
from skrouter.cli.skupper import skupper

from reference.roff import head, literal

FOLDER = "docs/reference/skupper"
_GENERATED = "<!-- Written by `make reference` from `cli/commands/`: change that, not this file. -->"
HELP = ["-h", "--help"]
_SHARED = tuple(one.name for one in click.command()(global_options(lambda: None)).params)


@dataclass(frozen=True, slots=True)
class Page:
    """A command by its words, the first of them `skupper`."""

    words: tuple[str, ...]
    command: click.Command

    @property
    def name(self) -> str:
        """As it is typed."""
        return " ".join(self.words)

    @property
    def file(self) -> str:
        """Of its Markdown page."""
        return f"{'_'.join(self.words)}.md"

    @property
    def usage(self) -> str:
        """How it is called."""
        context = _context(self.command, self.name)
        return f"{self.name} {' '.join(self.command.collect_usage_pieces(context))}"

    @property
    def text(self) -> str:
        """What it does, paragraphs divided by empty lines."""
        paragraphs = (self.command.help or "").split("\n\n")
        return "\n\n".join(" ".join(one.split()) for one in paragraphs)

    @property
    def examples(self) -> tuple[str, ...]:
        """Command lines."""
        return EXAMPLES.get(" ".join(self.words[1:]), ())

    def options(self, *, shared: bool) -> list[tuple[str, str]]:
        """Names and texts of its own options, or of those that all commands have."""
        context = _context(self.command, self.name)
        found = [one for one in self.command.get_params(context) if isinstance(one, click.Option)]
        records = [one.get_help_record(context) for one in found if _is_shared(one) is shared]
        return [one for one in records if one is not None]


def _context(command: click.Command, name: str) -> click.Context:
    """As `skupper` makes them: a command keeps the names of its help from the first one that it sees."""
    return click.Context(command, info_name=name, help_option_names=HELP)


def _is_shared(option: click.Option) -> bool:
    return option.name in _SHARED or HELP[-1] in option.opts


def pages() -> Iterator[Page]:
    """Every command, groups before their members."""
    return _below(("skupper",), skupper)


def _below(words: tuple[str, ...], command: click.Command) -> Iterator[Page]:
    yield Page(words, command)
    if isinstance(command, click.Group):
        context = _context(command, words[-1])
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from _below((*words, name), found)


# --- Markdown -----------------------------------------------------------------------------------------------


def markdown() -> dict[str, str]:
    """The text of each page by the name of its file below the root."""
    found = list(pages())
    return {f"{FOLDER}/{one.file}": _markdown(one, found) for one in found}


def _markdown(page: Page, every: list[Page]) -> str:
    parts = [_GENERATED, f"## {page.name}", page.text, f"```\n{page.usage}\n```"]
    if page.examples:
        parts += ["### Examples", "```\n" + "\n".join(page.examples) + "\n```"]
    for title, shared in (("Options", False), ("Options of all commands", True)):
        options = page.options(shared=shared)
        if options:
            rows = [f"| `{name.replace('|', chr(92) + '|')}` | {text} |" for name, text in options]
            parts += [f"### {title}", "\n".join(["| option | |", "|---|---|", *rows])]
    others = [one for one in every if _are_near(one.words, page.words)]
    parts += ["### See also", "\n".join(f"* [{one.name}]({one.file})" for one in others)]
    return "\n\n".join(parts) + "\n"


def _are_near(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one is the group of the other."""
    return one == other[:-1] or other == one[:-1]


# --- man pages ----------------------------------------------------------------------------------------------


def man() -> dict[str, str]:
    """The text of each man page by its name: of skupper, and of each group and command below it."""
    found = list(pages())
    return {f"{'-'.join(one.words)}.1": _man(one, found) for one in found if len(one.words) <= 2}


def _man(page: Page, every: list[Page]) -> str:
    first = page.text.partition("\n\n")[0].rstrip(".")
    lines = [*head("-".join(page.words), 1, first[:1].lower() + first[1:])]
    lines += [".SH SYNOPSIS", f".B {literal(page.usage)}", ".SH DESCRIPTION", *_paragraphs(page.text)]
    lines += _man_options("OPTIONS", page.options(shared=False))
    if len(page.words) == 2:
        for inner in (one for one in every if one.words[:-1] == page.words):
            lines += [f".SH {literal(inner.name.upper())}", f".B {literal(inner.usage)}", ".PP"]
            lines += _paragraphs(inner.text)
            lines += _man_options("", inner.options(shared=False))
            lines += _man_examples(inner)
    else:
        lines.append(".SH COMMANDS")
        for inner in (one for one in every if one.words[:-1] == page.words):
            lines += [".TP", f".B {literal(inner.name)}", literal(inner.text.partition("\n\n")[0])]
    if page.examples:
        lines.append(".SH EXAMPLES")
        lines += _man_examples(page)
    below = [one.options(shared=True) for one in every if one.words[: len(page.words)] == page.words]
    lines += _man_options("OPTIONS OF ALL COMMANDS", max(below, key=len))
    names = [f"{'-'.join(one.words)}(1)" for one in every if len(one.words) <= 2 and one is not page]
    lines += [".SH SEE ALSO", literal(", ".join([*names, "skrouterd(8)"]))]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> list[str]:
    found = [literal(one) for one in text.split("\n\n")]
    return [line for one in found for line in (".PP", one)][1:]


def _man_options(title: str, options: list[tuple[str, str]]) -> list[str]:
    lines = [f".SH {literal(title)}"] if title and options else []
    for name, text in options:
        lines += [".TP", f".B {literal(name)}", literal(text)]
    return lines


def _man_examples(page: Page) -> list[str]:
    return [".PP", ".nf", *(literal(one) for one in page.examples), ".fi"] if page.examples else []
