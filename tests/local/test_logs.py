"""What workers print."""

from __future__ import annotations

from pathlib import Path

import pytest

from everai_autoscaler.local.logs import Logs


@pytest.fixture(autouse=True)
def short(monkeypatch) -> None:
    """A log of more than ten bytes is long."""
    monkeypatch.setattr("everai_autoscaler.local.logs.LONGEST", 10)


def test_a_long_log_is_put_aside_while_it_is_written(tmp_path: Path) -> None:
    """The end is kept beside, the log begins anew, and who writes it goes on."""
    logs, log = Logs(tmp_path), tmp_path / "w.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old" * 10 + b"0123456789")
        cut = [logs.cut("w"), logs.cut("w")]
        writer.write(b"new")

    assert ([True, False], b"new", b"0123456789") == (cut, log.read_bytes(), (tmp_path / "w.log.1").read_bytes())
    assert 0o600 == (tmp_path / "w.log.1").stat().st_mode & 0o777


def test_a_log_is_cut_also_where_its_end_can_not_be_kept(tmp_path: Path) -> None:
    """A full disk doesn't let a log grow."""
    logs, log = Logs(tmp_path), tmp_path / "w.log"
    log.write_bytes(b"x" * 11)
    (tmp_path / "w.log.1").symlink_to(tmp_path / "nowhere" / "at-all")

    assert (True, b"") == (logs.cut("w"), log.read_bytes())
    assert ["w.log"] == [path.name for path in tmp_path.iterdir()]


def test_no_log_is_not_long(tmp_path: Path) -> None:
    """A log that isn't there needs no cutting."""
    assert not Logs(tmp_path).cut("none")


@pytest.mark.parametrize(
    ("log", "last"),
    [
        (b"", ""),
        (b"one\ntwo\n\n  \n", "two"),
        (b"no end", "no end"),
        (b"\x1b[31mred\x1b[0m\xff\n", "[31mred [0m�"),
        (b"x" * 3000, "x" * 159 + "…"),
    ],
)
def test_the_last_line_of_a_log_says_something(tmp_path: Path, log: bytes, last: str) -> None:
    """Blank lines are passed over, control characters dropped, and long lines shortened."""
    (tmp_path / "w.log").write_bytes(log)

    assert last == Logs(tmp_path).last_line("w")


def test_the_last_line_of_no_log_is_empty(tmp_path: Path) -> None:
    """A log that isn't there says nothing."""
    assert not Logs(tmp_path).last_line("none")
