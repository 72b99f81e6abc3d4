"""The plugin that gives the target ``local`` its name; light to import, since not every installation can use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from everai_autoscaler.engine import Engine, Host
from everai_autoscaler.errors import ContractError, MissingExtraError
from everai_autoscaler.plugin import hookimpl

__all__ = ["Local", "register_targets"]


class Local:
    """Processes of this machine, behind a router that queues their requests."""

    needs = "pip install 'everai-autoscaler[runtime]'"

    def __call__(self, host: Host, settings: Mapping[str, Any], *, home: Path) -> Engine:
        """The engine.

        Raises:
            ContractError: a setting is wrong, or no worker can be started in this way.
            MissingExtraError: what it needs isn't installed.
        """
        try:
            from everai_autoscaler.local.engine import LocalEngine
            from everai_autoscaler.local.launcher import unfit
            from everai_autoscaler.local.spec import Local as Settings
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("everai_autoscaler"):
                raise
            raise MissingExtraError(f"the local runtime isn't installed: {self.needs}") from error
        local = Settings.read(settings, "local")
        if why := unfit(local, home=home):
            raise ContractError(f"local: no worker can be started: {why}")
        return LocalEngine(host, local, home=home)


@hookimpl
def register_targets() -> Mapping[str, Callable[..., Engine]]:
    """The target that ships."""
    return {"local": Local()}
