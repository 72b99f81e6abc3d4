"""``everai-autoscaler import``: another autoscaler's configuration as a manifest, and what has no equivalent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import click
import yaml

from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.cli.text.yaml_text import Lines, yaml_with_lines
from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.importing import KINDS, App, Imported, Source, read
from everai_autoscaler.plugin import default_registry
from everai_autoscaler.words import counted, one_line

__all__ = ["import_"]

_STDIN = "standard input"


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    help="Read this kind only, and take for it what doesn't say what it is.",
)
@click.option(
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write each manifest into DIR, as NAME.yaml, instead of printing them.",
)
@output_option
def import_(file: BinaryIO, *, kind: str | None, directory: Path | None, output: str) -> None:
    """Turn the configuration of another autoscaler into manifests of the same rule.

    FILE is YAML or JSON, with one document or several: HorizontalPodAutoscalers (autoscaling/v2 or v1), KEDA's
    ScaledObjects, Knative Services or their annotations, Ray Serve configs or RayServices; - is standard input. The
    manifests go to standard output. What has no equivalent, and what was assumed, is a line each on standard error,
    with where it stood.

    \b
    Print the manifest, keep it, and ask what it would cost:
      everai-autoscaler import hpa.yaml
      everai-autoscaler import hpa.yaml > app.yaml
      everai-autoscaler simulate -f app.yaml --trace azure_llm_code_2023
    All that a cluster has:
      kubectl get hpa,scaledobject -o yaml | everai-autoscaler import - --directory apps
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    name = getattr(file, "name", _STDIN)
    where = _STDIN if name in ("-", "<stdin>") else str(name)
    found = [
        read(document, Source(where, lines, parse=lambda text: _inside(text, where)), kind=kind or "")
        for document, lines in yaml_with_lines(_text(file, where), where)
    ]
    apps = [app for one in found for app in one.apps]
    missing = _missing(apps)
    for app in apps:
        if app.distribution not in missing:
            _check(app, where)
    if output == "json":
        _print_json(found, where)
    else:
        for note in (note for one in found for note in one.notes):
            click.echo(one_line(f"{where}: {note}"), err=True)
        for distribution, names in missing.items():
            pip = f"pip install {distribution} (in a checkout: pip install ./plugins/{distribution})"
            click.echo(f"{', '.join(sorted(names))}: not installed: {pip}", err=True)
    if not apps:
        raise ContractError(f"{where}: there is nothing to import in {counted(len(found), 'document')}")
    if directory is not None:
        _write(apps, where, directory)
    elif output == "text":
        click.echo("---\n".join(_manifest(app, where) for app in apps), nl=False)


def _text(file: BinaryIO, where: str) -> str:
    try:
        return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContractError(f"{where}: is not UTF-8 text: {error.reason} at byte {error.start}") from error


def _inside(text: str, where: str) -> tuple[object, Lines]:
    """The one document of a *text* that stands in a document."""
    documents = yaml_with_lines(text, f"{where}: serveConfigV2")
    return documents[0] if documents else (None, {})


def _missing(apps: Sequence[App]) -> dict[str, set[str]]:
    """For each distribution that isn't installed, the scalers that it would give."""
    known = {name for plugin in default_registry().plugins for name in plugin.offers.get("autoscalers", {})}
    missing: dict[str, set[str]] = {}
    for app in apps:
        unknown = [name for name in app.names if name not in known]
        if unknown:
            missing.setdefault(app.distribution, set()).update(unknown)
    return missing


def _check(app: App, where: str) -> None:
    """Refuse what the scaler of *app* doesn't accept."""
    try:
        Decider(app.scaler["name"], app.scaler["arguments"])
    except ArgumentError as error:
        raise ArgumentError(f"{where}: {app.name}: {error}") from error


def _manifest(app: App, where: str) -> str:
    text: str = yaml.safe_dump(app.manifest(), sort_keys=False, width=120)
    return (
        f"{one_line(f'# {app.kind} {app.name}, imported from {where}.')}\n{text}"
        "# To run it, add how a worker is started: a section named after the target, as in\n"
        '# local: {command: "python server.py --port {port}"}\n'
    )


def _write(apps: Sequence[App], where: str, directory: Path) -> None:
    names = [app.name for app in apps]
    for name in names:
        if Path(name).name != name:
            raise ContractError(f"{where}: {name!r} is not the name of a file")
        if names.count(name) > 1:
            raise ContractError(f"{where}: two apps have the name {name!r}")
        if (directory / f"{name}.yaml").exists():
            raise ContractError(f"{directory / name}.yaml: is there already")
    for app in apps:
        path = directory / f"{app.name}.yaml"
        path.write_text(_manifest(app, where), "utf-8")
        click.echo(f"wrote {path}", err=True)


def _print_json(found: Sequence[Imported], where: str) -> None:
    """One line for each document."""
    for one in found:
        apps: list[dict[str, Any]] = [
            {"kind": app.kind, "name": app.name, "distribution": app.distribution, "manifest": app.manifest()}
            for app in one.apps
        ]
        notes = [{"path": note.path, "line": note.line, "why": note.why, "lost": note.lost} for note in one.notes]
        click.echo(json.dumps({"file": where, "apps": apps, "notes": notes}))
