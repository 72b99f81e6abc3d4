"""How an app is run on this machine: the ``local`` section of its manifest."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import Dispatch
from everai_autoscaler.model.wire import describe_errors
from everai_autoscaler.router.settings import Seconds, Section, Settings

__all__ = ["Local", "Readiness"]

T = TypeVar("T", str, Path)

Port = Annotated[int, Field(ge=0, le=65535)]


def _words(given: Any) -> Any:
    words = given
    if isinstance(given, str):
        try:
            words = shlex.split(given)
        except ValueError as error:
            raise ValueError(f"is no command line: {error}") from error
    if isinstance(words, list) and words[:1] in ([], [""]):
        raise ValueError("should be a program and its arguments")
    return words


def _text(given: Any) -> Any:
    return str(given) if isinstance(given, int | float) and not isinstance(given, bool) else given


def _passable(given: T) -> T:
    if "\0" in str(given):
        raise ValueError("has a NUL, which the system takes from nobody")
    return given


def _variable(given: str) -> str:
    if not given or "=" in given:
        raise ValueError("should be a variable's name, which isn't empty and has no '='")
    return given


Passable = Annotated[str, AfterValidator(_passable)]
"""What the system can pass to a program."""
Variable = Annotated[Passable, AfterValidator(_variable)]


class Readiness(Section):
    """How it is found out that a worker is ready, and still well."""

    path: Annotated[str, Field(pattern="^/")] | None = None
    """Asked with GET; any status below 400 means ready. Without it, a worker that accepts connections is."""
    interval: Seconds = 10.0
    """Seconds between two health checks of a worker that is ready and serves no request."""
    timeout: Seconds = 5.0
    """Seconds after which a health check has failed."""
    failures: Annotated[int, Field(ge=1)] = 3
    """Health checks in a row that fail until the worker counts as hung."""


class Local(Settings):
    """How the app's workers are run here, and how the router in front of them serves.

    >>> Local.read({"command": "python app.py {port}"}, "app.yaml: local").command
    ['python', 'app.py', '{port}']
    >>> Local.read({"command": "x", "session": {"name": "sid"}}, "local")
    Traceback (most recent call last):
    everai_autoscaler.errors.ContractError: local: session: key 'name' is not one of cookie, header, timeout
    """

    command: Annotated[list[Passable], BeforeValidator(_words)]
    """The program and its arguments; ``{port}`` in them is the port on which it is to listen, as is ``PORT`` in its
    environment, and ``{python}`` the Python that runs this package."""
    directory: Annotated[Path, AfterValidator(_passable)] = Path()
    """Its working directory, relative to the manifest's."""
    env: dict[Variable, Annotated[Passable, BeforeValidator(_text)]] = Field(default_factory=dict)
    """Its environment, in addition to the runtime's own."""
    concurrency: Annotated[int, Field(ge=1)] = 1
    """Requests that a worker serves at once."""
    port: Port = 8080
    """The port on which the app answers; 0 for any free one."""
    admin_port: Port = 8081
    """The port on which the runtime itself answers; 0 for any free one."""
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """The address on which both listen."""
    dispatch: Dispatch = Dispatch.MOST_RECENTLY_USED
    """Which of the workers with room gets the next request."""
    start_timeout: Seconds = 600.0
    """Seconds after its start at which a worker that isn't ready is given up."""
    drain_timeout: Seconds = 300.0
    """Seconds that a worker which drains has to finish what it serves."""
    stop_grace: Seconds = 10.0
    """Seconds between SIGTERM and SIGKILL."""
    readiness: Readiness = Readiness()

    @classmethod
    def read(cls, given: Any, where: str) -> Local:
        """The section that was *given*; *where* says where it stands, for messages.

        Raises:
            ContractError: one line that names each field that is wrong.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise ContractError(f"{where}: {describe_errors(error, cls)}") from error
