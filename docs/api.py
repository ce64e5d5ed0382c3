"""Writes the reference in docs/python.md from the package's own signatures: `just docs`.

Everything between the two marks is made here, from `prefcli.__all__`: signatures with their types,
docstrings, and the fields of what functions return. What stands before is written by hand, and the
tests run it.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import prefcli
from prefcli.services.fit import FitReport
from prefcli.services.generate import Generation
from prefcli.services.ingest import IngestReport
from prefcli.services.space_plan import Asked

TARGET = Path(__file__).parent / "python.md"
START, END = "<!-- by python docs/api.py -->", "<!-- end -->"
WIDTH = 88  # of a signature

# Of a class, what a program calls; the rest of Store is for the services.
METHODS = {
    "Store": ("open", "close", "users", "feedback", "profile", "profiles"),
    "Profile": ("from_bytes", "latent", "to_bytes"),
}
RETURNED = (IngestReport, FitReport, Generation)


def reference() -> str:
    """The reference, in Markdown."""
    parts = []
    for name in prefcli.__all__:
        thing = getattr(prefcli, name)
        if inspect.isclass(thing):
            parts += [f"### {name}", *_class(name, thing)]
        elif callable(thing):
            parts += [f"### {name}", *_function(name, thing)]
        else:
            parts += [f"### {name}", f"The version of the package, a `{type(thing).__name__}`."]
    parts.append("### What functions return")
    for kind in RETURNED:
        parts += [f"`{kind.__name__}`: {_summary(kind)}", _fields(kind)]
    parts += ["### Settings of train_space", _settings()]
    return "\n\n".join(parts)


def page(text: str) -> str:
    """The page with its reference written anew."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{reference()}\n\n{END}{after}"


def _class(name: str, kind: type) -> Iterator[str]:
    if issubclass(kind, Exception):
        (parent,) = kind.__bases__
        yield f"`{name}({parent.__name__})`: {_summary(kind)}"
        return
    yield _summary(kind)
    if dataclasses.is_dataclass(kind):
        yield _fields(kind)
    for method in METHODS.get(name, ()):
        yield from _function(f"{name}.{method}", getattr(kind, method))


def _function(name: str, function: Callable[..., Any]) -> Iterator[str]:
    yield f"```python\n{_signature(name, function)}\n```"
    yield _sections(inspect.getdoc(function) or "")


def _signature(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    given = [str(p) for p in signature.parameters.values() if p.name != "self"]
    stars = [p.kind for p in signature.parameters.values() if p.name != "self"]
    keyword = [i for i, kind in enumerate(stars) if kind is inspect.Parameter.KEYWORD_ONLY]
    if keyword and inspect.Parameter.VAR_POSITIONAL not in stars:
        given.insert(keyword[0], "*")
    given = [re.sub(r": '(.*?)'", r": \1", each) for each in given]
    result = str(signature.return_annotation).strip("'")
    line = f"{name}({', '.join(given)}) -> {result}"
    if len(line) <= WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {each},\n" for each in given) + f") -> {result}"


def _sections(doc: str) -> str:
    """A docstring, its arguments and exceptions as lists."""
    parts: list[str] = []
    for paragraph in re.split(r"\n\n+", doc):
        heading, _, body = paragraph.partition("\n")
        if re.fullmatch(r"(Args|Returns|Raises|Yields):", heading):
            parts.append(f"{heading.removesuffix(':')}:\n\n{_items(textwrap.dedent(body))}")
        else:
            parts.append(paragraph)
    return "\n\n".join(parts)


def _items(body: str) -> str:
    lines: list[str] = []
    for line in body.splitlines():
        if line.startswith(" ") and lines:
            lines.append(f"  {line.strip()}")
        else:
            lines.append("- " + re.sub(r"^(\w+(?:, \w+)*):", r"`\1`:", line))
    return "\n".join(lines)


def _summary(kind: type) -> str:
    return re.split(r"\n\n", inspect.getdoc(kind) or "")[0]


def _fields(kind: type) -> str:
    rows = [f"- `{f.name}`: `{f.type}`" for f in dataclasses.fields(kind)]
    return "\n".join(rows)


def _settings() -> str:
    return "\n".join(
        f"- `{name}`: `{getattr(kind, '__forward_arg__', kind)}`"
        for name, kind in Asked.__annotations__.items()
    )


if __name__ == "__main__":
    TARGET.write_text(page(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
