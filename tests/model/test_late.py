"""Late values: how one is read, and where it comes from."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from policy import ClientPlaceholder

from everai_autoscaler.errors import ArgumentError, PlaceholderError
from everai_autoscaler.model import Placeholder
from everai_autoscaler.model import late as late_values
from everai_autoscaler.model.late import is_secret, read, reader, source_of


def test_a_placeholder_asks_whoever_reads_placeholders() -> None:
    """A Decider, while it binds; its text names it."""
    placeholder = Placeholder(kind="ConfigMap", name="c", key="k")
    token = reader.set(lambda one: f"{one.name}.{one.key}")
    try:
        assert "c.k" == placeholder()
    finally:
        reader.reset(token)

    assert ["ConfigMap c/k", "Env X"] == [str(placeholder), str(Placeholder(kind="Env", name="X"))]


def test_a_placeholder_outside_any_decider_asks_the_installed_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that an argument can be tried in a shell."""
    monkeypatch.setenv("MOST", "7")

    assert "7" == Placeholder(kind="Env", name="MOST")()
    with pytest.raises(LookupError):
        Placeholder(kind="Env", name="SURELY_NOT_SET")()


def test_the_contract_alone_reads_a_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that imports nothing but the model can read one: the plugins are found when they are needed."""
    monkeypatch.setenv("MOST", "7")
    program = """
import sys
from everai_autoscaler.model import Placeholder
before = "everai_autoscaler.plugin" in sys.modules
print(before, Placeholder(kind="Env", name="MOST")())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "False 7\n" == done.stdout


def test_where_no_distribution_reads_placeholders(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where the reader is looked for."""
    monkeypatch.setattr(late_values, "READERS", "everai_autoscaler.nowhere")
    late_values._installed_reader.cache_clear()
    try:
        with pytest.raises(PlaceholderError, match=r"entry point in everai_autoscaler\.nowhere"):
            Placeholder(kind="Env", name="MOST")()
    finally:
        late_values._installed_reader.cache_clear()


def test_reading() -> None:
    """A plain value is itself; a late one is what it says."""
    assert 3 == read(3)
    assert "4" == read(ClientPlaceholder("ConfigMap", "c", "k"))
    assert 5 == read(lambda: 5)


def _raise(error: Exception) -> Callable[[], int]:
    def late() -> int:
        raise error

    return late


@pytest.mark.parametrize(
    ("late", "message"),
    [
        (ClientPlaceholder("ConfigMap", "c", "k", None), "most: ConfigMap c/k gave nothing, not a number or text"),
        (ClientPlaceholder("ConfigMap", "c", "k", [1]), "most: ConfigMap c/k gave a list, not a number or text"),
        (_raise(PlaceholderError("no such key")), "most: callable _raise.<locals>.late can't be read: no such key"),
        (_raise(OSError()), "most: callable _raise.<locals>.late can't be read: OSError"),
    ],
)
def test_what_cannot_be_read(late: Any, message: str) -> None:
    """The error names the argument and the source."""
    with pytest.raises(ArgumentError) as caught:
        read(late, name="most")

    assert message == str(caught.value)


def test_sources() -> None:
    """Literals, placeholders (the platform client's own, too), and other callables."""
    assert "literal" == source_of("5")
    assert "Secret s/k" == source_of(Placeholder(kind="Secret", name="s", key="k"))
    assert "ConfigMap c/k" == source_of(ClientPlaceholder("ConfigMap", "c", "k"))
    assert "callable partial" == source_of(functools.partial(int, 5))


def test_secrets() -> None:
    """Of a secret's kind and late; a plain value isn't one."""
    assert is_secret(Placeholder(kind="Secret", name="s", key="k"))
    assert is_secret(ClientPlaceholder("Secret", "s", "k"))
    assert not is_secret(Placeholder(kind="ConfigMap", name="c", key="k"))
    assert not is_secret("Secret")
