"""``everai-autoscaler new``: a plugin distribution to begin with."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

import click
from attrs import frozen

from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.errors import ContractError
from everai_autoscaler.plugin import KINDS, default_registry

__all__ = ["new"]

_PREFIX = "everai-autoscaler-"
_NAME = re.compile(r"[a-z]([a-z0-9._-]*[a-z0-9])?", re.IGNORECASE)
"""A valid name of a distribution that begins with a letter."""


@frozen
class _Kind:
    """What a plugin of one kind is made of."""

    registered: str
    """The kind, as the registry calls it."""
    suffix: str
    """What the name of its class ends in; a function's is empty."""
    summary: str


_KINDS: Mapping[str, _Kind] = {
    "scaler": _Kind("autoscalers", "AutoScaler", "Scales to a worker for every few requests that wait"),
    "factors-decorator": _Kind(
        "factors_decorators", "Decorator", "Lets a scaler see no more than so many requests waiting"
    ),
    "arguments-decorator": _Kind(
        "arguments_decorators", "Decorator", "Keeps more workers at the hours of the day that you say"
    ),
    "placeholder": _Kind("placeholder_kinds", "", "Reads arguments from the entries of a JSON file"),
}


@click.command
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(list(_KINDS)),
    default="scaler",
    show_default=True,
    help="What the plugin gives a name to.",
)
@click.option(
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where to make the directory of the distribution.  [default: here]",
)
@output_option
def new(name: str, *, kind: str, directory: Path, output: str) -> None:
    """Make a plugin distribution that gives NAME to a scaler, or to what --kind says.

    It is called everai-autoscaler-NAME, can be installed and used as it is, and has tests that pass, so that the first
    change is the first step. A placeholder kind is called as such kinds are: NAME price-list gives PriceList.

    \b
    A scaler, and a decorator of arguments somewhere else:
      everai-autoscaler new patient
      everai-autoscaler new office-hours --kind arguments-decorator --directory plugins
    Then:
      pip install -e everai-autoscaler-patient
      everai-autoscaler check patient
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    words = _words(name, kind)
    made = directory / words["distribution"]
    if os.path.lexists(made):
        raise ContractError(f"{made}: is there already")
    _refuse_builtin(words["name"], kind)
    contents = _contents(words, kind)
    _write(made, contents)
    if output == "json":
        document = {"name": words["name"], "distribution": words["distribution"], "directory": str(made)}
        click.echo(json.dumps({**document, "files": list(contents)}))
        return
    check = [f"everai-autoscaler check {words['name']}"] if kind == "scaler" else []
    steps = [f"pip install -e {made}", f"everai-autoscaler describe {words['name']}", *check, f"pytest {made}"]
    click.echo("\n  ".join([f"Made {made}:", *contents]))
    click.echo("\n  ".join(["Next:", *steps]))


def _words(given: str, kind: str) -> dict[str, str]:
    """What stands for each word of the templates.

    Raises:
        ContractError: *given* isn't a name.
    """
    if not _NAME.fullmatch(given):
        raise ContractError(
            f"{given!r} is not the name of a distribution: a letter, then letters, digits, dots, dashes and "
            "underscores, and a letter or a digit at the end"
        )
    name = re.sub(r"[-_.]+", "-", given).lower().removeprefix(_PREFIX)
    camel = "".join(part[:1].upper() + part[1:] for part in name.split("-"))
    called = camel if kind == "placeholder" else name
    of_kind = _KINDS[kind]
    underscored = name.replace("-", "_")
    return {
        "name": called,
        "entry": name,
        "distribution": _PREFIX + name,
        "module": f"everai_autoscaler_{underscored}",
        "class_name": camel + of_kind.suffix,
        "function_name": f"read_{underscored}",
        "kind": KINDS[of_kind.registered],
        "summary": of_kind.summary,
    }


def _refuse_builtin(name: str, kind: str) -> None:
    ours = [plugin for plugin in default_registry().plugins if plugin.distribution == _PREFIX.rstrip("-")]
    registered = _KINDS[kind].registered
    taken = {one.lower() for plugin in ours for one in (plugin.name, *plugin.offers.get(registered, ()))}
    if name.lower() in {*taken, "everai-autoscaler"}:
        raise ContractError(f"{name!r} is builtin, and stays so: a plugin needs a name of its own")


def _contents(words: Mapping[str, str], kind: str) -> dict[str, str]:
    """The content of each file, by its path in the distribution."""
    module = words["module"]
    templates = {
        "pyproject.toml": "pyproject.toml.txt",
        "README.md": "README.md.txt",
        "CHANGELOG.md": "CHANGELOG.md.txt",
        f"{module}/__init__.py": f"{kind}.py.txt",
        f"tests/test_{words['entry'].replace('-', '_')}.py": f"{kind}.test.txt",
    }
    scaffold = files("everai_autoscaler.cli.setup") / "scaffold"

    def filled(template: str, **more: str) -> str:
        return Template((scaffold / template).read_text("utf-8")).substitute(words, **more)

    usage = filled(f"{kind}.usage.txt").rstrip()
    return {**{path: filled(template, usage=usage) for path, template in templates.items()}, f"{module}/py.typed": ""}


def _write(made: Path, contents: Mapping[str, str]) -> None:
    """Write the *contents* into the directory *made*, all of them or none."""
    with tempfile.TemporaryDirectory(prefix=f".{made.name}-", dir=made.parent) as scratch:
        begun = Path(scratch) / made.name
        for path, text in contents.items():
            (begun / path).parent.mkdir(parents=True, exist_ok=True)
            (begun / path).write_text(text, "utf-8")
        begun.rename(made)
