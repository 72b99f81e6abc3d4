"""``decide``: snapshots in, decisions and their reasons out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from everai_autoscaler.model import Record


def test_says_what_and_why_in_words(run, snapshot_file):
    """A decision is one line: when, what, and who says why."""
    result = run("decide", "simple", "-a", "max_workers=5", snapshot_file)

    assert (
        "2024-07-29T02:42:50+0000  up 1            simple: 3 waiting for a busy worker, more than 1: starts 1 worker\n"
        == result.stdout
    )
    assert 0 == result.exit_code


def test_reads_standard_input_where_no_file_is_given(run, snapshot_file):
    """Without a file, or with ``-``, the snapshot comes from standard input."""
    text = snapshot_file.read_text()

    without = run("decide", "simple", given=text)
    dash = run("decide", "simple", "-", given=text)

    assert without.stdout == dash.stdout != ""


def test_each_removal_has_its_line(run, a_line):
    """A worker that goes is named, with the numbers and the rule that they met."""
    worker = {**json.loads(a_line())["workers"][0], "status": "Free", "current_request": 0}
    workers = [{**worker, "worker_id": f"w{n}", "last_service_time": 1_722_220_000 + n} for n in range(3)]
    result = run("decide", "simple", "-a", "max_workers=5", given=a_line(0, workers=workers))

    assert [
        "2024-07-29T02:42:50+0000  remove w0, w1   simple: removes w0: idle for 970 s, at least 120 s",
        "simple: removes w1: idle for 969 s, at least 120 s",
    ] == [line.strip() for line in result.stdout.splitlines()]


def test_json_is_the_wire_form_and_what_travels_beside_it(run, a_line):
    """``-o json`` gives one line: maximum, actions, reasons, whether it holds, and when."""
    result = run("decide", "simple", "-a", "max_workers=5", "-o", "json", given=a_line())

    assert {
        "observed_at": 1722220970.0,
        "max_workers": 5,
        "actions": [{"count": 1, "action": "ScaleUp"}],
        "held": False,
        "reasons": [{"who": "simple", "why": "3 waiting for a busy worker, more than 1: starts 1 worker"}],
    } == json.loads(result.stdout)


def test_what_is_not_known_holds(run, a_line):
    """A snapshot without workers is a hold, which differs from having nothing to do."""
    unknown = run("decide", "simple", given=a_line(workers=None))
    satisfied = run("decide", "simple", given=a_line(0))

    assert "hold" in unknown.stdout
    assert "nothing to do" in satisfied.stdout


def test_a_bad_line_is_told_and_the_others_are_answered(run, a_line):
    """A stream goes on after a bad line, which is named by its number; the status tells."""
    result = run("decide", "simple", given=a_line() + "\nnonsense\n" + '{"queue": 3}\n' + a_line(0))

    errors = result.stderr.splitlines()
    assert 2 == len(result.stdout.splitlines())
    assert ["error: standard input: line 3", "error: standard input: line 4"] == [
        ": ".join(line.split(": ")[:3]) for line in errors
    ]
    assert "queue: 3 given" in errors[1]
    assert 2 == result.exit_code


def test_one_decider_answers_the_whole_stream(start, a_line, tmp_path):
    """A late argument that turns bad in the middle of a stream keeps its last good value, and a warning says so."""
    value = tmp_path / "most"
    value.write_text("5")
    described = tmp_path / "scaler.json"
    late = {"placeholder": {"kind": "File", "name": str(value)}}
    described.write_text(json.dumps({"name": "simple", "arguments": {"max_workers": late}}))
    process = start("decide", "-f", described, "-o", "json")
    process.stdin.write(a_line())
    process.stdin.flush()
    answers = [process.stdout.readline()]
    value.write_text("many")
    rest, warnings = process.communicate(a_line(), timeout=60)
    answers.append(rest)

    assert [5, 5] == [json.loads(answer)["max_workers"] for answer in answers]
    assert "warning: argument kept: simple: max_workers: 'many'" in warnings
    assert 0 == process.returncode


def test_a_stream_is_answered_while_it_is_open(start, a_line):
    """Each snapshot is answered as it arrives, before the next one is there."""
    process = start("decide", "simple", "-o", "json")
    answers = []
    for waiting in (3, 0):
        process.stdin.write(a_line(waiting))
        process.stdin.flush()
        answers.append(json.loads(process.stdout.readline()))
    process.stdin.close()

    assert [1722220970.0] * 2 == [answer["observed_at"] for answer in answers]
    assert 0 == process.wait(30)


def test_a_snapshot_of_nothing_is_pointed_out(run):
    """A document without any field of a snapshot is decided on, as the contract says, with a warning."""
    result = run("decide", "simple", given='{"factors": {"queue": {}}}\n')

    assert "up 1" in result.stdout
    assert "warning: standard input: line 1: has no field of a snapshot: no workers, no queue\n" == result.stderr


def test_lines_forces_one_snapshot_a_line(run, a_line):
    """``--lines`` makes a first line that is cut off one bad line, not the beginning of a long document."""
    cut_off = '{"queue": {"WorkerBusy": 3},\n'

    assert 1 == len(run("decide", "simple", "--lines", given=cut_off + a_line()).stdout.splitlines())
    assert "" == run("decide", "simple", given=cut_off + a_line()).stdout


def test_records_are_appended(run, a_line, tmp_path):
    """``--record`` appends one record for each decision, and none for a line that couldn't be read."""
    path = tmp_path / "records.jsonl"
    run("decide", "simple", "--record", path, given=a_line() + "nonsense\n" + a_line(0))
    run("decide", "free-worker", "--record", path, given=a_line())

    records = [Record.from_json(line) for line in path.read_text().splitlines()]
    assert ["simple", "simple", "free-worker"] == [record.scaler for record in records]


def test_nothing_is_decided_when_it_cannot_be_recorded(run, a_line, tmp_path):
    """A path that can't be written is refused before the first decision."""
    result = run("decide", "simple", "--record", tmp_path / "nowhere" / "records.jsonl", given=a_line())

    assert "" == result.stdout
    assert f"error: can't write {tmp_path}/nowhere/records.jsonl: No such file or directory\n" == result.stderr
    assert 2 == result.exit_code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_ends_the_run(run, a_line):
    """A record that can't be written isn't lost in silence."""
    result = run("decide", "simple", "--record", "/dev/full", given=a_line() + a_line())

    assert 1 == len(result.stdout.splitlines())
    assert "error: can't write /dev/full: No space left on device\n" == result.stderr
    assert 2 == result.exit_code


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["simpel"], "simple, slo-latency, stabilize; did you mean 'simple'?"),
        (["simple", "-a", "most=5"], "simple: argument 'most' is not one of"),
        (["simple", "-a", "max_workers=2.9"], "simple: max_workers: '2.9' is not a whole number of at least 0"),
        (["simple", "-a", "max_workers"], "-a: 'max_workers' is not of the form KEY=VALUE"),
        (["simple", "nowhere.json"], "nowhere.json: No such file or directory"),
        (["simple", "a.json", "b.json"], "one snapshot file at a time: 'b.json' is too many"),
        ([], "which scaler? Give its name, or -f FILE"),
        (["simple", "--nope"], "--nope"),
        (["simple"], "standard input: has no snapshot"),
        (["simple", "--configmap", "a=b"], "--configmap: 'a' is not of the form NAME:KEY=VALUE"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run, arguments, told):
    """Whatever was given wrong: one line that begins with error, nothing on standard output, status 2."""
    result = run("decide", *arguments)

    assert told in result.stderr
    assert result.stderr.startswith("error: ")
    assert 1 == result.stderr.count("\n")
    assert ("", 2) == (result.stdout, result.exit_code)


def test_a_manifest_with_all_its_parts_decides(run, a_line, tmp_path):
    """An app's manifest brings scaler, late arguments and decorators; what is said beside it goes first."""
    manifest = tmp_path / "app.yaml"
    manifest.write_text(
        """
        kind: App
        spec:
          autoscaler:
            scheduler: queue
            builtin:
              name: simple
              arguments:
                max_workers: {valueFrom: {configMapKeyRef: {name: start, key: most}}}
                max_idle_time: {valueFrom: {secretKeyRef: {name: hidden, key: idle}}}
                scale_up_step: 2
              decorators:
                arguments:
                - name: time-match
                  arguments:
                    timezone: {value: Asia/Shanghai}
                    match(* 9-22 * * 1-5): {value: day_}
                    day_max_queue_size: {value: "2"}
        """
    )
    (tmp_path / "secrets" / "hidden").mkdir(parents=True)
    (tmp_path / "secrets" / "hidden" / "idle").write_text("77\n")
    (tmp_path / "maps" / "start").mkdir(parents=True)
    (tmp_path / "maps" / "start" / "most").write_text("4\n")
    secrets = ("--secrets", tmp_path / "secrets")
    records = tmp_path / "records.jsonl"

    inline = run("decide", "-f", manifest, *secrets, "--configmap", "start:most=5", given=a_line())
    mounted = run(
        "decide", "-f", manifest, *secrets, "--configmaps", tmp_path / "maps", "-a", "scale_up_step=1",
        "--record", records, "-o", "json", given=a_line(),
    )  # fmt: skip

    assert "up 2            simple: 3 waiting for a busy worker, more than 2: starts 2 workers" in inline.stdout
    assert (4, 1) == (json.loads(mounted.stdout)["max_workers"], json.loads(mounted.stdout)["actions"][0]["count"])
    assert '"77"' not in records.read_text()


def test_a_placeholder_that_is_nowhere_names_itself(run, a_line, tmp_path):
    """A late value that can't be read is named with its source and with what there is."""
    described = tmp_path / "scaler.yaml"
    described.write_text("{name: simple, arguments: {max_workers: {valueFrom: {configMapKeyRef: {name: a, key: b}}}}}")
    (tmp_path / "maps" / "other").mkdir(parents=True)

    nowhere = run("decide", "-f", described, "--configmaps", tmp_path / "maps", given=a_line())
    inline = run("decide", "-f", described, "--configmap", "a:c=1", given=a_line())

    assert (
        f"ConfigMap a/b can't be read: no ConfigMap of this name in {tmp_path}/maps, which has other" in nowhere.stderr
    )
    assert "ConfigMap a/b can't be read: --configmap gave a:c only" in inline.stderr
    assert (2, 2) == (nowhere.exit_code, inline.exit_code)


def test_a_moment_in_milliseconds_is_shown_as_it_is(run, a_line):
    """A moment that no calendar has is no reason to fail."""
    assert run("decide", "simple", given='{"observed_at": 1722220970000}').stdout.startswith("1722220970000 s  up 1")


def test_names_cannot_command_the_terminal(run, a_line):
    """A worker's name goes to the terminal without what that would obey."""
    worker = {**json.loads(a_line())["workers"][0], "status": "Free", "current_request": 0, "last_service_time": 1}
    workers = [{**worker, "worker_id": name} for name in ("a\x1b[2J\nb", "c")]
    words = run("decide", "simple", "-a", "max_workers=5", given=a_line(0, workers=workers)).stdout

    assert "\x1b" not in words
    assert "a?[2J b" in words


def test_letters_that_the_terminal_lacks_are_no_failure(start, a_line):
    """Where the output has no letters for a name, it is shown escaped."""
    worker = {**json.loads(a_line())["workers"][0], "status": "Free", "current_request": 0, "last_service_time": 1}
    line = a_line(0, workers=[{**worker, "worker_id": name} for name in ("\u5de5", "c")])
    process = start("decide", "simple", "-a", "max_workers=5", env={"PYTHONIOENCODING": "latin-1"})
    output, errors = process.communicate(line, timeout=60)

    assert "remove \\u5de5 " in output
    assert ("", 0) == (errors, process.returncode)


NESTED = """
name: stabilize
arguments:
  down_window: 60
  scaler:
    name: max
    arguments:
      scalers:
        - name: simple
          arguments:
            max_workers: {valueFrom: {configMapKeyRef: {name: c, key: most}}}
        - {name: free-worker, arguments: {max_workers: 9}}
"""


def test_scalers_inside_scalers_decide_and_are_replayed(run, a_line, tmp_path):
    """The file form nests by name; what comes from a ConfigMap is in the record, so that a replay needs no file."""
    (tmp_path / "scaler.yaml").write_text(NESTED)
    records = tmp_path / "records.jsonl"
    given = a_line(3, 1_722_220_970) + a_line(0, 1_722_220_990)
    options = ("-f", tmp_path / "scaler.yaml", "--configmap", "c:most=4", "--record", records)
    decided = run("decide", *options, "-o", "json", given=given)
    replayed = run("replay", records)

    assert [4, 4] == [json.loads(line)["max_workers"] for line in decided.stdout.splitlines()]
    assert "2 wanted, and nothing within the window is against it" in decided.stdout
    assert "2 decisions replayed: the same, to the word.\n" == replayed.stdout


def test_what_is_wrong_inside_is_said_with_the_way_to_it(run, a_line, tmp_path):
    """In one line, as any error."""
    (tmp_path / "scaler.yaml").write_text(NESTED.replace("max_workers: 9", "most: 9"))
    result = run("decide", "-f", tmp_path / "scaler.yaml", "--configmap", "c:most=4", given=a_line())

    assert result.stderr.startswith(
        "error: stabilize: scaler: max: scalers[1]: free-worker: argument 'most' is not one"
    )
    assert ("", 2) == (result.stdout, result.exit_code)


def test_a_walk_says_which_scalers_are_inside(run, tmp_path):
    """With their arguments in brackets, and where late ones come from."""
    (tmp_path / "scaler.yaml").write_text(NESTED)
    told = run("walk", "-f", tmp_path / "scaler.yaml", "--configmap", "c:most=4").stdout

    inside = "scaler=max(scalers=[simple(max_workers=ConfigMap c/most), free-worker(max_workers=9)])"
    assert f"stabilize down_window=60 {inside}" in " ".join(told.split())
