"""The placeholder kinds that ship: ``Env``, ``File``, and ``ConfigMap`` and ``Secret`` from whoever has them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from everai_autoscaler.errors import PlaceholderError

__all__ = ["CONFIGMAPS_VARIABLE", "SECRETS_VARIABLE", "read_configmap", "read_env", "read_file", "read_secret"]

CONFIGMAPS_VARIABLE = "EVERAI_AUTOSCALER_CONFIGMAPS"
"""A directory with a directory for each ConfigMap, in which each key is a file: as Kubernetes mounts them."""
SECRETS_VARIABLE = "EVERAI_AUTOSCALER_SECRETS"
"""The same for Secrets."""


def read_env(name: str, key: str) -> str:
    """The environment variable *name*; it has no *key*."""
    if key:
        raise PlaceholderError(f"Env {name}/{key}: an environment variable has no key")
    try:
        return os.environ[name]
    except KeyError:
        raise PlaceholderError(f"Env {name}: no such environment variable") from None


def read_file(name: str, key: str) -> str:
    """The file *name*, or the file *key* in the directory *name*; without the white space at its end."""
    path = Path(name)
    if path.is_dir():
        if not key:
            raise PlaceholderError(f"File {name}: a directory needs a key, one of {_keys(path)}")
        path = _entry(path, key, f"File {name}")
    elif key:
        raise PlaceholderError(f"File {name}/{key}: {'a file has no key' if path.exists() else 'no such directory'}")
    return _content(path, f"File {name}/{key}" if key else f"File {name}")


def read_configmap(name: str, key: str) -> str:
    """The value of *key* in the ConfigMap *name*, of the first provider that is present."""
    return _read_provided("ConfigMap", name, key, CONFIGMAPS_VARIABLE, "get_configmap")


def read_secret(name: str, key: str) -> str:
    """The value of *key* in the Secret *name*, of the first provider that is present."""
    return _read_provided("Secret", name, key, SECRETS_VARIABLE, "get_secret")


def _read_provided(kind: str, name: str, key: str, variable: str, getter: str) -> str:
    """The directory that *variable* names, else the app's context of the platform client, where that is loaded."""
    thing = f"{kind} {name}/{key}"
    directory = os.environ.get(variable)
    if directory:
        holder = _entry(Path(directory), name, thing)
        if not holder.is_dir():
            raise PlaceholderError(
                f"{thing}: no {kind} of this name in {directory}, which has {_keys(Path(directory))}"
            )
        return _content(_entry(holder, key, thing), thing)
    client = sys.modules.get("everai.app.context")
    if client is None:
        raise PlaceholderError(
            f"{thing}: nobody here has {kind}s; give the Decider a provider, or set {variable} to a directory of them"
        )
    held = getattr(client.context, getter)(name)
    value = None if held is None else held.get(key)
    if value is None:
        raise PlaceholderError(f"{thing}: the app's context has no such value")
    return str(value)


def _entry(directory: Path, name: str, thing: str) -> Path:
    if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise PlaceholderError(f"{thing}: {name!r} is no name of an entry")
    return directory / name


def _content(path: Path, thing: str) -> str:
    try:
        return path.read_text("utf-8").rstrip()
    except FileNotFoundError:
        hint = f"; there are {_keys(path.parent)}" if path.parent.is_dir() else ""
        raise PlaceholderError(f"{thing}: no such file{hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PlaceholderError(f"{thing}: can't be read: {error}") from error


def _keys(directory: Path) -> str:
    if not directory.is_dir():
        return "no entries"
    # Kubernetes keeps the present version of a mounted directory behind names that begin with two dots.
    return (
        ", ".join(sorted(path.name for path in directory.iterdir() if not path.name.startswith(".."))) or "no entries"
    )
