"""``everai-autoscaler doctor``: what is wrong with an installation, or with a scaler's arguments."""

from __future__ import annotations

import csv
import json
import os
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import attrs
import click
from attrs import frozen

import everai_autoscaler
from everai_autoscaler.cli.options.parameters import SCALER, cold_start_option, interval_option, misused
from everai_autoscaler.cli.options.scaler_options import ScalerOptions, WantedScaler, scaler_options
from everai_autoscaler.cli.setup.plugins import contested
from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.decision.nested import registered_name
from everai_autoscaler.errors import ArgumentError, ContractError, PlaceholderError, UnknownNameError, words_of
from everai_autoscaler.model import Placeholder, schema_of
from everai_autoscaler.model.late import is_secret, read
from everai_autoscaler.model.schema import is_scaler
from everai_autoscaler.plugin import BLOCK_VARIABLE, KINDS, default_registry
from everai_autoscaler.words import counted, one_line

__all__ = ["doctor"]

WRONG = 1

_PACKAGE = "everai_autoscaler"
_OURS = "everai-autoscaler"
_PREDECESSOR = "everai-builtin-autoscaler"
_EMPTY_ONE = "0.1.99"
"""The version of the predecessor's second distribution that holds nothing, and leads here."""
_REINSTALL = f"pip install --force-reinstall --no-deps {_OURS}"
_BLOCKED = "blocked by"
_NEEDED = ("pydantic", "pluggy", "attrs", "structlog")


@frozen
class _Finding:
    """One thing that is wrong."""

    what: str
    why: str
    remedy: str


@click.command
@click.argument("name", required=False, metavar="[SCALER]", type=SCALER)
@scaler_options
@interval_option
@cold_start_option
@output_option
def doctor(name: str | None, *, options: ScalerOptions, interval: float, cold_start: float, output: str) -> int:
    """Look for what is wrong: with what is installed, and with the arguments of SCALER, where one is given.

    Each finding says what is so, why that matters, and what to do. The exit status is 1 when there is any.

    \b
    The installation:
      everai-autoscaler doctor
    And the arguments of a scaler, for workers that take two minutes to start:
      everai-autoscaler doctor -f app.yaml --cold-start 120
      everai-autoscaler doctor free-worker -a max_workers=3 -a min_free_workers=5
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    installed = list(distributions())
    findings = [*_of_the_installation(installed), *_of_the_plugins(), *_of_what_is_blocked()]
    wanted = None
    if name is not None or options.file is not None:
        wanted = options.wanted(name)
        try:
            findings += _of_the_arguments(wanted, interval, cold_start)
        except UnknownNameError:
            if not findings:
                raise
            findings.append(_missing(wanted.name))
    elif options.arguments:
        raise misused("-a: arguments of which scaler? Give its name, or -f FILE")
    report = {
        "versions": _versions(installed),
        "blocked": [f"{one}, {one.failure}" for one in default_registry().plugins if one.failure.startswith(_BLOCKED)],
        "scaler": None if wanted is None else str(wanted),
        "interval": interval,
        "cold_start": cold_start,
        "findings": [attrs.asdict(one) for one in findings],
    }
    click.echo(json.dumps(report) if output == "json" else _in_words(report))
    return WRONG if findings else 0


def _versions(installed: Iterable[Distribution]) -> dict[str, str]:
    found = {_normalised(_name_of(one)): one.version for one in reversed(list(installed))}
    return {
        "python": platform.python_version(),
        _OURS: everai_autoscaler.__version__,
        **{name: found.get(name, "not installed") for name in _NEEDED},
    }


def _of_the_installation(installed: list[Distribution]) -> Iterator[_Finding]:
    ours = [one for one in installed if _normalised(_name_of(one)) == _OURS]
    yield from _twice(ours)
    for one in ours[:1]:
        yield from _outdated(one)
        yield from _overwritten(one)
    for one in installed:
        name = _normalised(_name_of(one))
        if name == _PREDECESSOR and one.version != _EMPTY_ONE:
            yield _Finding(
                f"{name} {one.version} is installed: the predecessor",
                f"its files go into the directory {_PACKAGE}, over this package's own",
                f"pip uninstall {name}, then {_REINSTALL}",
            )
        elif name != _OURS and (files := _inside(one)):
            yield _Finding(
                f"{name} {one.version} has {counted(len(files), 'file')} in {_where(one)}, {next(iter(files))} for one",
                "one package's files lie over another's: what is run is neither of them",
                f"pip uninstall {name}, then {_REINSTALL}",
            )


def _twice(ours: list[Distribution]) -> Iterator[_Finding]:
    places = list(dict.fromkeys(str(one.locate_file("")) for one in ours))
    if len(places) > 1:
        versions = ", ".join(f"{one.version} in {one.locate_file('')}" for one in ours)
        yield _Finding(
            f"{_OURS} is installed more than once: {versions}",
            "the first on the path is imported, and pip changes whichever it finds",
            f"pip uninstall {_OURS} until none is left, then install it once",
        )


def _outdated(ours: Distribution) -> Iterator[_Finding]:
    if ours.version != everai_autoscaler.__version__:
        yield _Finding(
            f"{_OURS} {ours.version} is installed, and {everai_autoscaler.__version__} imported "
            f"from {Path(everai_autoscaler.__file__).parent}",
            "what is listed isn't what is run",
            "install it again, or look at PYTHONPATH",
        )
    for requirement in ours.requires or ():
        needed = re.match(r"([\w.-]+)\s*>=\s*([\d.]+)[^;]*$", requirement)
        if needed is None:
            continue
        name, least = needed.groups()
        found = next((one.version for one in distributions(name=name)), None)
        if found is None or _numbers(found) < _numbers(least):
            yield _Finding(
                f"{name} {found or 'is not installed'}{' is installed' if found else ''}, and {least} is needed",
                "what this package relies on may not be there",
                f"pip install '{name}>={least}'",
            )


def _overwritten(ours: Distribution) -> Iterator[_Finding]:
    """Files that aren't those that were installed; of an editable installation there are none to compare."""
    changed = []
    for file, digest in _inside(ours).items():
        if not digest.startswith("sha256="):
            continue
        path = Path(str(ours.locate_file(file)))
        if not path.is_file() or _sha256(path.read_bytes()) != digest.removeprefix("sha256=").rstrip("="):
            changed.append(file)
    if changed:
        yield _Finding(
            f"{counted(len(changed), 'file')} of {_OURS} {ours.version} {'is' if len(changed) == 1 else 'are'} "
            f"not as installed: {', '.join(changed[:3])}{', ...' if len(changed) > 3 else ''}",
            "somebody changed them, or another distribution was installed or removed over them",
            _REINSTALL,
        )


def _of_the_plugins() -> Iterator[_Finding]:
    plugins = default_registry().plugins
    for plugin in plugins:
        if plugin.failure.startswith(_BLOCKED):
            continue
        if plugin.failure:
            yield _Finding(
                f"{plugin} can't be used: {one_line(plugin.failure)}",
                "the names that it offers are not there",
                _REINSTALL
                if _normalised(plugin.distribution) == _OURS
                else f"mend or remove it, or block it: {BLOCK_VARIABLE}={plugin.name}",
            )
    for (kind, name), offering in contested(plugins).items():
        yield _Finding(
            f"{' and '.join(map(str, offering))} each offer the {KINDS[kind]} {name!r}",
            "the name is neither's: whoever asks for it gets an error",
            f"remove all but one, or block them: {BLOCK_VARIABLE}={offering[-1].distribution or offering[-1].name}",
        )


def _of_what_is_blocked() -> Iterator[_Finding]:
    known = {plugin.name for plugin in default_registry().plugins}
    known |= {_normalised(plugin.distribution) for plugin in default_registry().plugins}
    for name in os.environ.get(BLOCK_VARIABLE, "").split(","):
        if name.strip() and name.strip() not in known and _normalised(name.strip()) not in known:
            yield _Finding(
                f"{BLOCK_VARIABLE} names {name.strip()!r}, which is no plugin, and no distribution of one",
                "what it was to block is loaded",
                "everai-autoscaler plugins lists the names that there are",
            )


def _of_the_arguments(wanted: WantedScaler, interval: float, cold_start: float) -> Iterator[_Finding]:
    try:
        with wanted.placeholders_read():
            values = _values(wanted)
            scaler = wanted.scaler()
    except (ArgumentError, PlaceholderError, ContractError) as error:
        yield _Finding(
            words_of(error),
            "there is no decision until there is a value that fits",
            f"everai-autoscaler describe {wanted.name} shows what it takes",
        )
        return
    yield from _contradictions(wanted.name, values, interval, cold_start)
    yield from _of_those_inside(scaler, wanted.name, interval, cold_start)


def _missing(name: str) -> _Finding:
    return _Finding(
        f"scaler {name!r} is not there",
        "nobody decides by that name",
        "mend what stands above, if that is why; everai-autoscaler plugins lists the names that there are",
    )


def _values(wanted: WantedScaler) -> dict[str, Any]:
    """The arguments as they are fitted, before a minimum gives way to a maximum, and the defaults of the others."""
    schema = schema_of(default_registry().autoscaler(wanted.name))
    given = {
        name: read(value, name=f"{wanted.name}: {name}") if isinstance(value, Placeholder) else value
        for name, value in wanted.arguments.items()
        # A secret isn't shown, and scalers inside are looked at by themselves.
        if not is_secret(value) and (name not in schema.arguments or schema.arguments[name].nesting is None)
    }
    defaults = {
        name: one.default for name, one in schema.arguments.items() if not one.required and name not in wanted.arguments
    }
    return defaults | schema.fit_each(given, owner=wanted.name)


def _of_those_inside(scaler: object, name: str, interval: float, cold_start: float) -> Iterator[_Finding]:
    """What is wrong with the scalers of which *scaler* is made."""
    for argument, value in _held(scaler).items():
        inner = list(value) if isinstance(value, list | tuple) else [value]
        for place, one in enumerate(inner):
            if is_scaler(one):
                called = registered_name(one, default_registry()) or type(one).__name__
                where = f"{name}: {argument}{f'[{place}]' if len(inner) > 1 else ''}: {called}"
                yield from _contradictions(where, _held(one), interval, cold_start)
                yield from _of_those_inside(one, where, interval, cold_start)


def _held(scaler: object) -> dict[str, Any]:
    if not attrs.has(type(scaler)):
        return {}
    made_by: Callable[..., Any] = type(scaler)
    taken = schema_of(made_by).arguments
    return {name: one.of(scaler) for name, one in taken.items() if hasattr(scaler, one.attribute or name)}


def _contradictions(name: str, values: Mapping[str, Any], interval: float, cold_start: float) -> Iterator[_Finding]:
    numbers = {
        one: value for one, value in values.items() if isinstance(value, int | float) and not isinstance(value, bool)
    }

    def below(one: str, other: str) -> bool:
        return one in numbers and other in numbers and numbers[one] < numbers[other]

    def shown(*names: str) -> str:
        return f"{name}: " + ", ".join(f"{one} is {numbers[one]:g}" for one in names)

    if below("max_workers", "min_workers"):
        yield _Finding(
            shown("min_workers", "max_workers"),
            "the maximum wins, so that there are never as many as the minimum says",
            "raise max_workers, or lower min_workers",
        )
    if below("max_workers", "min_free_workers"):
        yield _Finding(
            shown("min_free_workers", "max_workers"),
            "the buffer never fits: it wants more at every decision, and is always at the maximum",
            "raise max_workers above the buffer and those that are busy, or lower min_free_workers",
        )
    if "max_idle_time" in numbers and numbers["max_idle_time"] < cold_start:
        yield _Finding(
            f"{shown('max_idle_time')} s, shorter than a cold start of {cold_start:g} s",
            "a worker is removed sooner than another could take its place: with each pause requests wait anew",
            f"let max_idle_time be at least {cold_start:g}, better several times that",
        )
    if "start_timeout" in numbers and numbers["start_timeout"] < cold_start:
        yield _Finding(
            f"{shown('start_timeout')} s, shorter than a cold start of {cold_start:g} s",
            "every worker is given up before it is ready, so that the fleet never grows",
            f"let start_timeout be well above {cold_start:g}",
        )
    for one, value in numbers.items():
        # A window of 0 is one that is switched off.
        if re.search(r"(^|_)(window|period)$", one) and 0 < value < interval:
            yield _Finding(
                f"{shown(one)} s, shorter than the {interval:g} s between two decisions",
                "there is never more than one snapshot in it, so that it smooths and limits nothing",
                f"let it be several times {interval:g}, or decide more often",
            )


def _in_words(report: Mapping[str, Any]) -> str:
    lines = [f"{name + ':':<19}{version}" for name, version in report["versions"].items()]
    lines += [f"{'blocked:':<19}{one}" for one in report["blocked"]]
    if report["scaler"] is not None:
        pace = f"{report['interval']:g} s between two decisions, a cold start of {report['cold_start']:g} s"
        lines += [f"{'scaler:':<19}{report['scaler']}", f"{'taken:':<19}{pace}"]
    findings = report["findings"]
    paragraphs = [
        "\n".join(lines),
        *("{what}\n  why it matters: {why}\n  what to do:     {remedy}".format(**one) for one in findings),
        f"{counted(len(findings), 'finding')}." if findings else "Nothing is wrong.",
    ]
    return "\n\n".join(paragraphs)


def _inside(one: Distribution) -> dict[str, str]:
    """The files that *one* has put into this package's directory, with their hashes, also where they are gone."""
    # From Python 3.12 on, Distribution.files leaves out what is gone.
    record = one.read_text("RECORD")
    rows = [[str(file), ""] for file in one.files or ()] if record is None else csv.reader(record.splitlines())
    return {row[0]: row[1] for row in rows if len(row) > 1 and row[0].startswith(f"{_PACKAGE}/")}


def _where(one: Distribution) -> str:
    return str(one.locate_file(_PACKAGE))


def _sha256(content: bytes) -> str:
    """The hash of *content* as an installation's list of files has it."""
    import base64
    import hashlib

    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def _name_of(one: Distribution) -> str:
    # Asked with get(), since half of a distribution's metadata may be missing after a broken installation.
    metadata: Any = one.metadata
    return metadata.get("Name") or ""


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])
