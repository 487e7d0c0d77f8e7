"""Which modules a Cython file reads at compile or run time, and whether it may.

import-linter cannot see `.pyx` and `.pxd`. The rule: a native file cimports C's and Cython's own names,
its own package and native packages below it; at run time it imports only proton's numbers.
"""

import re
from collections.abc import Iterator

COMPILER_NAMES = ("libc", "posix", "cpython", "cython")
PROTON = "skrouter.amqp._proton"

_TEXT = re.compile(r'(?P<quote>"""|\'\'\').*?(?P=quote)|"[^"\n]*"|\'[^\'\n]*\'', re.DOTALL)
_COMMENT = re.compile(r"#.*")
_CONTINUED = re.compile(r"\\\n|\((?:[^()]*)\)")
_FROM = re.compile(r"^[ \t]*from\s+(?P<module>[.\w]+)\s+(?P<verb>c?import)\b\s*(?P<names>.*)", re.MULTILINE)
_PLAIN = re.compile(r"^[ \t]*(?P<verb>c?import)\s+(?P<names>[\w., ]+)", re.MULTILINE)


def statements(text: str, package: str) -> Iterator[tuple[str, str]]:
    """Pairs of `import` or `cimport` and the absolute dotted name, for a file in `package`."""
    code = _COMMENT.sub("", _TEXT.sub("''", text))
    code = _CONTINUED.sub(lambda match: match.group().replace("\n", " "), code)
    for match in _FROM.finditer(code):
        for name in match["names"].strip("() ").split(","):
            if name.strip():
                yield match["verb"], f"{_absolute(match['module'], package)}.{name.split()[0]}"
    for match in _PLAIN.finditer(code):
        for name in match["names"].split(","):
            yield match["verb"], name.split()[0]


def violations(text: str, package: str, natives: tuple[str, ...]) -> list[str]:
    """What the file in `package` imports and must not; `natives` are the native packages, lowest first."""
    allowed = natives[: natives.index(package) + 1]
    found = []
    for verb, name in statements(text, package):
        permitted = (PROTON,) if verb == "import" else (*COMPILER_NAMES, *allowed)
        if not _within(name, permitted):
            found.append(f"{verb} {name}: allowed are {', '.join(permitted)}")
    return found


def _absolute(module: str, package: str) -> str:
    if not module.startswith("."):
        return module
    name = module.lstrip(".")
    base = package.split(".")[: len(package.split(".")) - (len(module) - len(name)) + 1]
    return ".".join((*base, name) if name else base)


def _within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)
