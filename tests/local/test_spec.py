"""The ``local`` section of a manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from everai_autoscaler.errors import ContractError
from everai_autoscaler.local.spec import Local
from everai_autoscaler.model import Dispatch


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
        ({"command": ""}, "command: '' given, should be a program and its arguments"),
        ({"command": []}, "command: [] given, should be a program and its arguments"),
        ({"command": ["", "{port}"]}, "command: ['', '{port}'] given, should be a program and its arguments"),
        ({"command": 'serve "'}, "command: 'serve \"' given, is no command line: No closing quotation"),
        ({"port": 70000}, "port: 70000 given"),
        ({"concurrency": 0}, "concurrency: 0 given"),
        ({"concurency": 2}, "key 'concurency' is not one of admin_port, command, concurrency, "),
        ({"concurency": 2}, "; did you mean 'concurrency'?"),
        ({"readiness": {"pat": "/"}}, "readiness: key 'pat' is not one of failures, interval, path, timeout; did you "),
        ({"a\nb": 2}, "key 'a\\nb' is not one of "),
        ({"limits": 5}, "limits: 5 given, should be a mapping"),
        ({"env": "A=1"}, "env: 'A=1' given, should be a mapping"),
        ({"env": {"A": [1]}}, "env.A: [1] given"),
        ({"env": {"": "1"}}, "env.'': '' given, should be a variable's name, which isn't empty and has no '='"),
        ({"env": {"A=B": "1"}}, "env.A=B: 'A=B' given, should be a variable's name, which isn't empty and has no '='"),
        ({"env": {"A\0": "1"}}, "env.'A\\x00': 'A\\x00' given, has a NUL, which the system takes from nobody"),
        ({"env": {"A": "\0"}}, "env.A: '\\x00' given, has a NUL"),
        ({"command": ["serve", "a\0b"]}, "command.1: 'a\\x00b' given, has a NUL"),
        ({"directory": "a\0b"}, "directory: 'a\\x00b' given, has a NUL"),
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

    assert str(caught.value).startswith("app.yaml: local: ")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [None, "serve", ["serve"]])
def test_a_section_is_a_mapping(given) -> None:
    """Anything else is refused in one line."""
    with pytest.raises(ContractError, match=r"app\.yaml: local: .* given, should be a mapping$"):
        Local.read(given, "app.yaml: local")
