"""An app of the real ``everai`` SDK, as a manifest; and, as a program of its own, one worker that serves it.

The SDK's own ``everai run`` asks the platform for ConfigMaps and Secrets, and ends where it can't. Here both come from
the state directory, so that nothing but this machine is needed.
"""

from __future__ import annotations

import contextvars
import functools
import importlib
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import frozen

from everai_autoscaler.builtin.is_builtin import is_builtin
from everai_autoscaler.cli.options.manifest import AppManifest, Description, description_in
from everai_autoscaler.errors import AutoscalerError, ContractError, MissingExtraError, describe_error
from everai_autoscaler.model import AutoScaler, DecideResult, Decorator, Decorators, Factors, Placeholder

__all__ = ["main", "read_sdk_app"]

STATE_VARIABLE = "EVERAI_AUTOSCALER_STATE"
HEALTHY = "/-everai-/healthy"
"""Where the platform asks whether an app's worker is ready."""
_KINDS = {"ConfigMap": "configmap_requests", "Secret": "secret_requests"}
"""For each kind, where an app says which it asks for."""


def read_sdk_app(path: Path) -> AppManifest:
    """The app of the SDK that the Python file *path* holds.

    Its builtin scaler is taken by name and arguments, so that each of them is shown, and read from the ConfigMap, as
    with a manifest; any other is asked as the SDK would ask it, in the app's context.

    Raises:
        MissingExtraError: the SDK isn't installed.
        ContractError: the file can't be run, or holds no app, or several.
    """
    app = _app(path)
    command = [sys.executable, "-P", "-m", __name__, str(path.resolve()), "{port}"]
    settings = {"command": command, "readiness": {"path": HEALTHY}}
    return AppManifest(
        name=str(app.name), description=_description(app, str(path)), settings=settings, directory=path.resolve().parent
    )


def _app(path: Path) -> Any:
    sdk = _sdk()
    module = _run(path)
    found: dict[int, tuple[str, Any]] = {}
    for name, held in vars(module).items():
        if isinstance(held, sdk.App):
            found.setdefault(id(held), (name, held))
    if not found:
        raise ContractError(f"{path}: holds no App of the everai SDK: app = App('name', ...)")
    if len(found) > 1:
        names = ", ".join(name for name, _ in found.values())
        raise ContractError(f"{path}: holds {len(found)} apps, {names}: one is run at a time")
    return next(iter(found.values()))[1]


def _sdk() -> Any:
    """The SDK's module ``everai.app``; what it does to the process when it is imported is undone."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("everai.app")
    except ModuleNotFoundError as error:
        if error.name not in ("everai", "everai.app"):
            raise
        raise MissingExtraError(
            "a Python file is an app of the everai SDK, which isn't installed; in a checkout: "
            "pip install '.[runtime]' ./plugins/everai-builtin-autoscaler everai"
        ) from error
    finally:
        root.handlers[:], root.level = handlers, level


def _run(path: Path) -> ModuleType:
    """The file's module, run as ``import`` would from its directory."""
    name = path.stem if path.stem.isidentifier() and path.stem not in sys.modules else "everai_app"
    spec = spec_from_loader(name, SourceFileLoader(name, str(path.resolve())))
    if spec is None or spec.loader is None:
        raise ContractError(f"{path}: is not a Python file")
    module = module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[name] = module
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ContractError(f"{path}: {_where(error, path)}{describe_error(error)}") from error
    return module


def _where(error: BaseException, path: Path) -> str:
    """The last line of the file itself that led to *error*."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f"line {error.lineno}: "
    here = str(path.resolve())
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == here]
    return f"line {lines[-1]}: " if lines else ""


def _description(app: Any, where: str) -> Description:
    document = app.to_dict()
    if "builtin" in (document.get("spec", {}).get("autoscaler") or {}):
        # Asked for the scaler itself, the SDK reads its arguments now.
        return description_in(document, where)
    scaler = app.autoscaler
    if is_builtin(scaler):
        arguments = {name: _ours(value) for name, value in scaler.autoscaler_arguments().items()}
        return Description(scaler.autoscaler_name(), arguments, _our_decorators(scaler.decorators))
    return Description(type(scaler).__name__, {}, None, scaler=_in_context(app, scaler))


def _ours(value: Any) -> Any:
    """The SDK's placeholder as ours; anything else as it is."""
    if callable(value) and all(isinstance(getattr(value, part, None), str) for part in ("kind", "name", "key")):
        return Placeholder(kind=value.kind, name=value.name, key=value.key)
    return value


def _our_decorators(given: Decorators | None) -> Decorators | None:
    if given is None:
        return None

    def ours(one: Decorator) -> Decorator:
        return Decorator(name=one.name, arguments={key: _ours(value) for key, value in (one.arguments or {}).items()})

    return Decorators(
        arguments=given.arguments and list(map(ours, given.arguments)),
        factors=given.factors and list(map(ours, given.factors)),
    )


class _InContext(AutoScaler):
    """A scaler of the app's own, which may ask the SDK for ConfigMaps and Secrets while it decides."""

    def __init__(self, app: Any, scaler: AutoScaler) -> None:
        self._app = app
        self._scaler = scaler

    def decide(self, factors: Factors) -> DecideResult:
        """What the app's scaler says of *factors*."""
        # Also where it is a pipeline itself, which would read placeholders in its own way.
        outer = contextvars.copy_context()

        def read(kind: str, name: str) -> Mapping[str, str]:
            return _ByKey(lambda key: str(outer.run(Placeholder(kind=kind, name=name, key=key))))

        with _context(self._app, read):
            return self._scaler.decide(factors)


def _in_context(app: Any, scaler: AutoScaler) -> AutoScaler:
    # It goes by its own name in records and reasons.
    made = type(type(scaler).__name__, (_InContext,), {"__doc__": type(scaler).__doc__})
    wrapped: AutoScaler = made(app, scaler)
    return wrapped


@frozen
class _ByKey(Mapping[str, str]):
    """Values that are read key by key, when a decision asks for them."""

    read: Callable[[str], str]

    def __getitem__(self, key: str) -> str:
        return self.read(key)

    def __contains__(self, key: object) -> bool:
        try:
            self.read(str(key))
        except AutoscalerError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@frozen
class _Now(Mapping[str, str]):
    """The values in the state directory, read anew at each access."""

    store: Any
    kind: str
    name: str

    def __getitem__(self, key: str) -> str:
        return self._data()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data())

    def __len__(self) -> int:
        return len(self._data())

    def _data(self) -> Mapping[str, str]:
        held = self.store.get(self.kind, self.name)
        if held is None:
            raise ContractError(
                f"{self.kind} {self.name!r} is not there; make it: "
                f"everai-autoscaler {self.kind.lower()} create {self.name} --from-literal KEY=..."
            )
        data: Mapping[str, str] = held.data
        return data


def _requested(app: Any, kind: str, read: Callable[[str, str], Mapping[str, str]]) -> dict[str, Any]:
    """What *app* asks for, by name, as the SDK's own objects."""
    made: Callable[..., Any] = getattr(importlib.import_module(f"everai.{kind.lower()}"), kind)
    held = {name: made(name=name, data={}) for name in getattr(app, _KINDS[kind]) or ()}
    for name, one in held.items():
        one.data = read(kind, name)
    return held


@contextmanager
def _context(app: Any, read: Callable[[str, str], Mapping[str, str]]) -> Iterator[None]:
    sdk = importlib.import_module("everai.app.context")
    context = sdk.Context(
        secrets=_requested(app, "Secret", read), configmaps=_requested(app, "ConfigMap", read), volumes={}
    )
    with sdk.service_context(context):
        yield


def main() -> None:
    """Serve the app of the file that is given first on the port that is given second, until it is ended."""
    path, port = Path(sys.argv[1]), int(sys.argv[2])
    try:
        app = _app(path)
        _serve(app, port)
    except AutoscalerError as error:
        sys.exit(f"error: {error}")


def _serve(app: Any, port: int) -> None:
    from everai_autoscaler.runtime.store import Store

    flask = importlib.import_module("flask")
    serving = importlib.import_module("werkzeug.serving")
    store = Store(Path(os.environ[STATE_VARIABLE]))
    runtime = importlib.import_module("everai.app.app_runtime").AppRuntime()
    runtime.secrets = _requested(app, "Secret", functools.partial(_Now, store))
    runtime.configmaps = _requested(app, "ConfigMap", functools.partial(_Now, store))
    app.runtime = runtime
    prepared = threading.Event()
    made = flask.Flask(str(app.name))
    app.service.create_handler(made)

    @made.get(HEALTHY)  # type: ignore[untyped-decorator, unused-ignore]  # Flask isn't there where this is checked
    def healthy() -> tuple[str, int]:
        return ("ready\n", 200) if prepared.is_set() else ("not prepared yet\n", 503)

    class Handler(serving.WSGIRequestHandler):  # type: ignore[misc, name-defined, unused-ignore]
        protocol_version = "HTTP/1.1"

    server = serving.make_server("127.0.0.1", port, made, threaded=True, request_handler=Handler)
    threading.Thread(target=_prepare, args=(app, prepared), name="prepare", daemon=True).start()
    server.serve_forever()


def _prepare(app: Any, prepared: threading.Event) -> None:
    try:
        app.do_prepare()
    except BaseException as error:  # noqa: BLE001 - an app that can't be prepared is of no use
        sys.stderr.write(f"error: the app can't be prepared: {describe_error(error)}\n")
        sys.stderr.flush()
        os._exit(1)
    prepared.set()


if __name__ == "__main__":
    main()
