"""``replay``: recorded decisions, made again."""

from __future__ import annotations

import json

import pytest

WHY = "simple: 0 waiting for a busy worker, not more than 1; nobody to remove: 0 free, 1 busy"


@pytest.fixture
def records(run, a_line, tmp_path):
    """Three decisions of ``simple``: up, nothing, up."""
    path = tmp_path / "records.jsonl"
    stream = a_line(3) + a_line(0, at=1_722_220_990) + a_line(3, at=1_722_221_010)
    run("decide", "simple", "-a", "max_workers=5", "--record", path, given=stream)
    return path


def changed(path, line, **fields):
    """Change what *line* says was decided."""
    lines = path.read_text().splitlines()
    record = json.loads(lines[line - 1])
    record["result"].update(fields)
    lines[line - 1] = json.dumps(record)
    path.write_text("\n".join(lines) + "\n")


def test_what_comes_out_as_it_was_is_well(run, records):
    """All decisions that come out as recorded: a count, and status 0."""
    result = run("replay", records)

    assert "3 decisions replayed: the same, to the word.\n" == result.stdout
    assert 0 == result.exit_code


def test_the_first_difference_is_shown_and_ends_the_run(run, records):
    """What was recorded and what is said now stand below each other, and the status is 1."""
    changed(records, 2, actions=[{"worker_id": "w1", "action": "ScaleDown"}])
    changed(records, 3, actions=[])
    result = run("replay", records)

    assert [
        "line 2, 2024-07-29T02:43:10+0000, app app:",
        f"  recorded: remove w1       {WHY}",
        f"  now:      nothing to do   {WHY}",
        "1 decision before it came out the same.",
    ] == result.stdout.splitlines()
    assert 1 == result.exit_code


def test_another_reason_is_a_difference_too(run, records):
    """Without another scaler, even a decision that is explained otherwise counts as different."""
    changed(records, 1, reasons=[{"who": "simple", "why": "because"}])

    assert 1 == run("replay", records).exit_code


def test_another_scaler_shows_every_place_and_says_open_loop(run, records):
    """Another policy's decisions are shown where they do something else; that is no failure."""
    result = run("replay", records, "--scaler", "free-worker", "-a", "max_workers=5")

    assert ["line 2, 2024-07-29T02:43:10+0000, app app:"] == [
        line for line in result.stdout.splitlines() if line.startswith("line ")
    ]
    assert "  instead:  up 1            free-worker: 0 free, fewer than 1: starts 1 worker" in result.stdout
    assert "1 of 3 decisions would have been otherwise. Open loop:" in result.stdout
    assert 0 == result.exit_code


def test_other_arguments_alone_ask_what_if(run, records):
    """``-a`` without a scaler changes an argument of the recorded one; another maximum alone is no other deed."""
    patient = run("replay", records, "-a", "max_queue_size=3")
    roomy = run("replay", records, "-a", "max_workers=9")

    assert "2 of 3 decisions would have been otherwise" in patient.stdout
    assert "0 of 3 decisions would have been otherwise" in roomy.stdout


def test_json_has_both_and_a_summary(run, records):
    """For programs: a line for each difference with both outcomes, and a last one with the count."""
    result = run("replay", records, "--scaler", "free-worker", "-a", "max_workers=5", "-o", "json")

    different, last = map(json.loads, result.stdout.splitlines())
    assert (2, "simple", [], "free-worker", 1) == (
        different["line"],
        different["recorded"]["scaler"],
        different["recorded"]["actions"],
        different["replayed"]["scaler"],
        different["replayed"]["actions"][0]["count"],
    )
    assert {"summary": {"decisions": 3, "otherwise": 1, "loop": "open"}} == last


@pytest.mark.parametrize("line", ["nonsense", "{}", '{"format": 2}'])
def test_a_bad_line_is_named_and_ends_the_run(run, records, line):
    """What isn't a record is named with its line: status 2, not the 1 of a difference."""
    records.write_text(records.read_text().splitlines()[0] + "\n" + line + "\n")
    result = run("replay", records)

    assert f"error: {records}: line 2: Record: " in result.stderr
    assert 1 == result.stderr.count("\n")
    assert 2 == result.exit_code


def test_an_empty_file_proves_nothing(run, tmp_path):
    """A file without a record is an error, not a success."""
    path = tmp_path / "empty.jsonl"
    path.write_text("\n\n")

    assert f"error: {path}: has no records\n" == run("replay", path).stderr


def test_a_secret_has_to_be_given(run, a_line, tmp_path):
    """A record doesn't hold secrets, so replay asks for them, and doesn't show them."""
    (tmp_path / "secrets" / "s").mkdir(parents=True)
    (tmp_path / "secrets" / "s" / "idle").write_text("7531")
    described = tmp_path / "scaler.yaml"
    described.write_text(
        "{name: simple, arguments: {max_idle_time: {valueFrom: {secretKeyRef: {name: s, key: idle}}}}}"
    )
    records = tmp_path / "records.jsonl"
    run("decide", "-f", described, "--secrets", tmp_path / "secrets", "--record", records, given=a_line())

    without = run("replay", records)
    given = run("replay", records, "--secret", "max_idle_time=7531")

    assert "7531" not in records.read_text() + without.output + given.output
    assert "max_idle_time (Secret s/idle) is a secret" in without.stderr
    assert (2, 0) == (without.exit_code, given.exit_code)
