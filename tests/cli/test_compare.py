"""``compare``: several scalers on several workloads, side by side."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def traces(tmp_path):
    """A busy one and a quiet one."""
    for name, rows in (("busy", [(300, 10), (301, 10), (302, 10)]), ("quiet", [(300, 10)])):
        lines = "".join(f"{came},{service}\n" for came, service in rows)
        (tmp_path / f"{name}.csv").write_text("arrival_s,service_s\n" + lines)
    return [option for name in ("busy", "quiet") for option in ("--trace", tmp_path / f"{name}.csv")]


@pytest.fixture
def compare(run, traces):
    """Compares one worker and three, without the optimum."""

    def invoke(*options, scalers=("simple", "simple min_workers=3"), best="--no-optimum"):
        named = [option for scaler in scalers for option in ("--scaler", scaler)]
        return run("compare", *named, *traces, "-a", "max_workers=3", best, *options)

    return invoke


def places(table):
    return [tuple(line.split()[:2]) for line in table.splitlines() if line.strip()[:1].isdigit()]


def test_each_workload_has_a_table_with_ranks(compare):
    """Who meets the SLO is first, and among those who do, who costs least."""
    said = compare().stdout

    assert 2 == said.count("a cold start of 30 s:")
    busy, quiet, over_all = said.split("RANK  SCALER")[1:]
    assert "min_workers=3" in busy.splitlines()[2]
    assert "min_workers=3" in quiet.splitlines()[3]
    assert "2 of 2" in over_all


def test_what_all_have_is_said_once(compare):
    """An argument of all is above the tables, not in each row."""
    said = compare().stdout

    assert "All:   max_workers=3" in said
    assert 1 == said.count("max_workers=3")


def test_cold_starts_are_compared_too(compare):
    """Each has a table of its own."""
    said = compare("--cold-start", 10, "--cold-start", 60).stdout

    assert 4 == said.count("a cold start of ") - 1
    assert "a cold start of 10 s or 60 s" in said


def test_the_best_possible_is_below_the_scalers(compare):
    """The static fleet, the schedule and the bound, without ranks."""
    pytest.importorskip("highspy")
    said = compare("--price", 2.5, best="--optimum").stdout

    for name in ("(best static fleet)", "(best schedule known)", "(proven bound)", "(rate oracle)", "COST"):
        assert name in said


def test_a_picture_shows_cost_against_lateness(compare, tmp_path):
    """One file, whose name says its form."""
    said = compare("--plot", tmp_path / "compared.svg").stdout

    assert f"Written: {tmp_path / 'compared.svg'}" in said
    assert "<svg" in (tmp_path / "compared.svg").read_text()[:500]


def test_programs_get_every_cell(compare):
    """With its metrics, and the ranks."""
    found = json.loads(compare("-o", "json").stdout)

    assert 4 == len(found["cells"])
    assert [1, 3] == sorted({cell["metrics"]["peak_workers"] for cell in found["cells"]})
    assert "simple min_workers=3" == found["ranks"][0]["label"]


def test_a_file_lists_scalers_with_their_labels(compare, tmp_path):
    """As many as there are, each with name, arguments and a label."""
    path = tmp_path / "scalers.yaml"
    path.write_text("- {label: lean, name: simple}\n- {name: simple, arguments: {min_workers: 2}}\n")
    found = json.loads(compare("-f", path, "-o", "json", scalers=()).stdout)

    assert {"lean", "simple min_workers=2"} == {cell["label"] for cell in found["cells"]}


@pytest.mark.parametrize(
    ("scalers", "options", "why"),
    [
        ((), [], "which scalers? Name each with --scaler, or all in -f FILE"),
        (("nope",), [], "scaler 'nope' is not one of"),
        (("simple min_workers",), [], "--scaler: 'min_workers' is not of the form KEY=VALUE"),
        (("'simple",), [], "names no scaler: no closing quotation"),
        (("",), [], "names no scaler"),
        (("simple", "simple"), [], "scaler 'simple' is there twice"),
        (("simple",), ["--trace", "azure"], "trace 'azure' is not one of"),
        (("simple",), ["--processes", "-1"], "'-1' is not a whole number from 0 up"),
    ],
)
def test_bad_input_is_one_line_and_status_two(compare, scalers, options, why):
    """It names what was given, and what is accepted."""
    result = compare(*options, scalers=scalers)

    assert (2, "") == (result.exit_code, result.stdout)
    assert why in result.stderr
    assert 1 == len(result.stderr.splitlines())


def test_an_entry_of_a_file_is_named(compare, tmp_path):
    """Its place in the list, and what is wrong in it."""
    path = tmp_path / "scalers.yaml"
    path.write_text("- {name: simple}\n- {names: simple}\n")

    assert f"error: {path}: [1]: describes no scaler" in compare("-f", path, scalers=()).stderr
