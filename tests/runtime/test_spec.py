"""The ``local`` section of a manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import Dispatch
from everai_autoscaler.runtime.spec import Local


def read(**given) -> Local:
    return Local.read({"command": "serve {port}", **given}, "app.yaml: local")


def test_a_command_is_all_that_is_needed() -> None:
    """Everything else has a default, on the loopback interface."""
    local = read()

    assert (["serve", "{port}"], 1, "127.0.0.1", 8080, 8081) == (
        local.command,
        local.concurrency,
        local.host,
        local.port,
        local.admin_port,
    )
    assert (Path(), Dispatch.MOST_RECENTLY_USED, "safe") == (local.directory, local.dispatch, local.retry)


def test_a_command_may_be_a_list() -> None:
    """A list is taken word by word, blanks and all."""
    assert ["my app", "{port}"] == read(command=["my app", "{port}"]).command


def test_numbers_in_the_environment_are_texts() -> None:
    """YAML's numbers are what a user means by them."""
    assert {"SECONDS": "10", "RATE": "0.5"} == read(env={"SECONDS": 10, "RATE": 0.5}).env


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"command": ""}, "command"),
        ({"command": 'serve "'}, "command: 'serve \"' given, is no command line: No closing quotation"),
        ({"port": 70000}, "port: 70000 given"),
        ({"concurrency": 0}, "concurrency: 0 given"),
        ({"concurency": 2}, "concurency: 2 given, extra inputs are not permitted"),
        ({"env": {"A": [1]}}, "env.A: [1] given"),
        ({"readiness": {"path": "healthy"}}, "readiness.path: 'healthy' given"),
        ({"start_timeout": 0}, "start_timeout: 0 given"),
        ({"start_timeout": float("inf")}, "start_timeout: inf given"),
        ({"dispatch": "random"}, "dispatch: 'random' given"),
        ({"limits": {"queue": -1}}, "limits.queue: -1 given"),
        ({"retry": "twice"}, "retry: 'twice' given"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_path_to_it(given, told: str) -> None:
    """A bad field is named with what was given."""
    with pytest.raises(ContractError) as caught:
        read(**given)

    assert f"app.yaml: local: {told}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [None, "serve", ["serve"]])
def test_a_section_is_a_mapping(given) -> None:
    """Anything else is refused in one line."""
    with pytest.raises(ContractError, match=r"app\.yaml: local: "):
        Local.read(given, "app.yaml: local")
