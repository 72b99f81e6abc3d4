"""The command: what it plays, in which order, and that it goes on where it was."""

from __future__ import annotations

import gzip

import pytest

from benchmarks.arena.bout import Kept, load
from benchmarks.arena.roster import PEERS
from benchmarks.arena.run import defaults, found, main, tuned


@pytest.fixture
def folder(tmp_path):
    """A folder with a short trace, a shorter one, and counts, which are no trace."""
    traces = tmp_path / "traces"
    traces.mkdir()
    for name, rows in (("a_longer", 40), ("b_short", 20)):
        with gzip.open(traces / f"{name}.csv.gz", "wt") as file:
            file.write("arrival_s,service_s\n" + "".join(f"{5 * row},4\n" for row in range(rows)))
    (traces / "apps_counts.csv.gz").write_bytes(b"")
    yield traces
    load.cache_clear()


def test_the_shorter_traces_come_first(folder):
    """An arena that is cut off has played the shorter traces; counts are no trace."""
    assert ["b_short", "a_longer"] == list(found(folder, None))
    assert ["a_longer"] == list(found(folder, ["a_longer"]))


def test_without_a_folder_it_plays_what_ships():
    """The traces that ship are known by their names."""
    assert {"azure_llm_code_2023", "servegen_r1_24h"} <= set(found(None, None))


def test_defaults_come_before_anything_is_tuned(folder, tmp_path):
    """All, the oracle too, are due at every cold start, the central one first; what has no default isn't tuned."""
    kept = Kept(tmp_path / "kept")
    due = [task.what for task in defaults(found(folder, None), kept)]

    assert 2 * 3 * (len(PEERS) + 1) == len(due)
    assert "default b_short 30 simple" == due[0]
    assert [] == list(tuned(found(folder, None), kept, 8, 86_400))


@pytest.mark.slow
def test_it_writes_its_page_and_goes_on_where_it_was(folder, tmp_path, capsys):
    """A second call plays nothing again, and writes the same page."""
    page = tmp_path / "page.md"
    command = ["--traces", str(folder), "--only", "b_short", "--runs", "2", "--results", str(tmp_path / "kept")]
    command += ["--page", str(page)]

    assert 0 == main(command)
    first, said = page.read_text(), capsys.readouterr().out
    assert 0 == main(command)
    assert first == page.read_text()
    assert 3 * (len(PEERS) + 1) == said.count("default b_short")
    assert f"wrote {page}\n" == capsys.readouterr().out
