"""The placeholder kinds that ship: ``Env`` and ``File``; ``ConfigMap``, ``Secret`` and ``Tuned`` from a provider."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from everai_autoscaler.errors import PlaceholderError

__all__ = [
    "CONFIGMAPS_VARIABLE",
    "SECRETS_VARIABLE",
    "read_configmap",
    "read_env",
    "read_file",
    "read_secret",
    "read_tuned",
]

CONFIGMAPS_VARIABLE = "EVERAI_AUTOSCALER_CONFIGMAPS"
"""A directory with a directory for each ConfigMap, in which each key is a file: as Kubernetes mounts them."""
SECRETS_VARIABLE = "EVERAI_AUTOSCALER_SECRETS"
"""The same for Secrets."""
MOST_LISTED = 20


def read_env(name: str, key: str) -> str:
    """The environment variable *name*; it has no *key*."""
    if key:
        raise PlaceholderError(f"Env {name}/{key}: an environment variable has no key")
    with _readable(f"Env {name}"):
        value = os.environ.get(name)
    if value is None:
        raise PlaceholderError(f"Env {name}: no such environment variable")
    return value


def read_file(name: str, key: str) -> str:
    """The file *name*, or the file *key* in the directory *name*; without the white space at its end."""
    thing = f"File {name}/{key}" if key else f"File {name}"
    if not name:
        raise PlaceholderError(f"{thing}: a file needs a name, its path")
    path = Path(name)
    with _readable(thing):
        if path.is_dir():
            if not key:
                raise PlaceholderError(f"{thing}: a directory needs a key, one of {_keys(path)}")
            path = _entry(path, key, thing)
        elif key:
            raise PlaceholderError(f"{thing}: {'a file has no key' if path.exists() else 'no such directory'}")
        return _content(path, thing)


def read_configmap(name: str, key: str) -> str:
    """The value of *key* in the ConfigMap *name*, of the first provider that is present."""
    return _read_provided("ConfigMap", name, key, CONFIGMAPS_VARIABLE, "get_configmap")


def read_secret(name: str, key: str) -> str:
    """The value of *key* in the Secret *name*, of the first provider that is present."""
    return _read_provided("Secret", name, key, SECRETS_VARIABLE, "get_secret")


def read_tuned(name: str, key: str) -> str:
    """Nothing: what a policy's tuner has chosen is known to the runtime of the app *name* alone, which provides it."""
    raise PlaceholderError(
        f"Tuned {name}/{key}: only a runtime has what its tuner chose: everai-autoscaler run --tune=act; elsewhere "
        f"give the argument a value: -a {key}=..."
    )


def _read_provided(kind: str, name: str, key: str, variable: str, getter: str) -> str:
    """The directory that *variable* names, else the app's context of the platform client, where that is loaded."""
    thing = f"{kind} {name}/{key}"
    directory = os.environ.get(variable)
    if directory:
        with _readable(thing):
            return _from_directory(kind, name, key, Path(directory))
    client = sys.modules.get("everai.app.context")
    if client is None:
        raise PlaceholderError(
            f"{thing}: nobody here has {kind}s; give the Decider a provider, or set {variable} to a directory of them"
        )
    try:
        held = getattr(client.context, getter)(name)
    except Exception as error:  # outside of an app the client's context raises
        raise PlaceholderError(f"{thing}: the app's context can't be asked: {' '.join(str(error).split())}") from error
    if held is None:
        raise PlaceholderError(f"{thing}: the app's context has no {kind} of this name")
    value = held.get(key)
    if value is None:
        raise PlaceholderError(
            f"{thing}: no such key in the app's context; there are {_listed(getattr(held, 'data', None) or ())}"
        )
    return str(value)


def _from_directory(kind: str, name: str, key: str, directory: Path) -> str:
    thing = f"{kind} {name}/{key}"
    holder = _entry(directory, name, thing)
    if not holder.is_dir():
        raise PlaceholderError(f"{thing}: no {kind} of this name in {directory}, which has {_keys(directory)}")
    return _content(_entry(holder, key, thing), thing)


def _entry(directory: Path, name: str, thing: str) -> Path:
    # Kubernetes keeps the present version of a mounted directory behind names that begin with two dots.
    if not name or name == "." or name.startswith("..") or "/" in name or "\\" in name:
        raise PlaceholderError(f"{thing}: {name!r} is no name of an entry")
    return directory / name


def _content(path: Path, thing: str) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        hint = f"; there are {_keys(path.parent)}" if path.parent.is_dir() else ""
        raise PlaceholderError(f"{thing}: no such file{hint}") from None
    try:
        return content.decode("utf-8").rstrip()
    except UnicodeDecodeError:
        pass
    # Without its cause, which holds the content: it may be a secret.
    raise PlaceholderError(f"{thing}: its content is not text (UTF-8)")


@contextmanager
def _readable(thing: str) -> Iterator[None]:
    """Say what the system says against reading *thing*, a name that is too long, say, in our own words."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise PlaceholderError(f"{thing}: can't be read: {error}") from error


def _keys(directory: Path) -> str:
    return _listed(path.name for path in directory.iterdir()) if directory.is_dir() else _listed(())


def _listed(names: Iterable[str]) -> str:
    shown = sorted(name for name in names if not name.startswith(".."))
    if len(shown) > MOST_LISTED:
        shown[MOST_LISTED:] = [f"and {len(shown) - MOST_LISTED} more"]
    return ", ".join(shown) or "no entries"
