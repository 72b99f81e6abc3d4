"""``explain``: why a recorded decision was made, and what would have made it another."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def records(run, a_line, tmp_path):
    """Two decisions of ``simple``: up for three that wait, then nothing for two, of whom none may be more."""
    path = tmp_path / "records.jsonl"
    stream = a_line(3) + a_line(2, at=1_722_220_990)
    run("decide", "simple", "-a", "max_workers=5", "-a", "max_queue_size=2", "--record", path, given=stream)
    return path


def test_the_last_decision_is_explained(run, records):
    """Its reasons, the nearest change with the decision that is made with it, and the limit that binds."""
    lines = run("explain", records).stdout.splitlines()

    assert "line 2, 2024-07-29T02:43:10+0000, app app:" == lines[0]
    assert lines[1].startswith("  decided:  nothing to do   simple: 2 waiting for a busy worker, not more than 2;")
    assert "Nearest change: With 3 waiting (WorkerBusy) instead of 2, it would have started 1 worker." in lines
    assert "  instead:  up 1            simple: 3 waiting for a busy worker, more than 2: starts 1 worker" in lines
    assert "  With max_queue_size 1 instead of 2, it would have started 1 worker." in lines


def test_a_threshold_binds_where_nothing_was_done(run, records):
    """The minimum, which is as near, has let nothing wait: to raise it asks for a worker."""
    words = run("explain", records).stdout

    assert (
        "\nBinding limit: max_queue_size.\n  With max_queue_size 1 instead of 2, it would have started 1 worker.\n"
    ) in words


def test_arguments_as_near_as_each_other_are_all_named(run, a_line, tmp_path):
    """Of two queues that are full to the last place either would have started a worker."""
    described, records = tmp_path / "scaler.yaml", tmp_path / "records.jsonl"
    simple = "{name: simple, arguments: {max_workers: 8, max_queue_size: 3}}"
    described.write_text(f"{{name: max, arguments: {{scalers: [{simple}, {simple}]}}}}")
    run("decide", "-f", described, "--record", records, given=a_line(3))

    assert (
        "\nBinding limits: scalers[0].max_queue_size and scalers[1].max_queue_size.\n"
        "  With scalers[0].max_queue_size 2 instead of 3, it would have started 1 worker.\n"
        "  With scalers[1].max_queue_size 2 instead of 3, it would have started 1 worker.\n"
    ) in run("explain", records).stdout


def test_arguments_that_bind_only_together_are_named(run, a_line, tmp_path):
    """A step that ends at the maximum is held back by both."""
    records = tmp_path / "records.jsonl"
    run("decide", "simple", "-a", "max_workers=2", "--record", records, given=a_line(3))
    told = json.loads(run("explain", records, "-o", "json").stdout)

    assert (
        "\nBinding limits: max_workers and scale_up_step, together.\n"
        "  With max_workers 3 instead of 2 and scale_up_step 2 instead of 1, it would have started 2 workers.\n"
    ) in run("explain", records).stdout
    assert ([], ["max_workers", "scale_up_step"]) == (told["binding"], [one["name"] for one in told["together"]])


def test_any_line_can_be_explained(run, records):
    """``--line`` says which; what held it to one worker is the step, and nothing that would have started none."""
    words = run("explain", records, "--line", 1).stdout

    assert "line 1, 2024-07-29T02:42:50+0000" in words
    assert (
        "\nBinding limit: scale_up_step.\n  With scale_up_step 2 instead of 1, it would have started 2 workers.\n"
    ) in words
    assert "Nearest change: With max_queue_size 3 instead of 2, it would have done nothing.\n" in words


def test_each_argument_has_its_source(run, a_line, tmp_path):
    """A table says what each was, where it came from, and why an older value was kept."""
    described, records, most = (tmp_path / name for name in ("scaler.yaml", "records.jsonl", "most"))
    described.write_text(f"{{name: simple, arguments: {{max_workers: {{placeholder: {{kind: File, name: {most}}}}}}}}}")
    most.write_text("5")
    run("decide", "-f", described, "-a", "max_queue_size=2", "--record", records, given=a_line())
    record = json.loads(records.read_text())
    record["arguments"]["scale_up_step"]["kept"] = "the file was gone"
    records.write_text(json.dumps(record) + "\n")
    words = run("explain", records).stdout

    rows = [line.split(None, 2) for line in words.splitlines()]
    assert ["max_workers", "5", f"File {most}"] in rows
    assert ["max_queue_size", "2", "literal"] in rows
    assert ["scale_up_step", "1", "default"] in [row[:2] + row[2].split()[:1] for row in rows if len(row) > 2]
    assert "the file was gone\n" in words


def test_scalers_inside_are_explained(run, a_line, tmp_path):
    """Each argument of a scaler inside has a row, and binds by the way to it."""
    described, records = tmp_path / "scaler.yaml", tmp_path / "records.jsonl"
    described.write_text(
        "{name: floor, arguments: {workers: 1, scaler: {name: max, arguments: {scalers: "
        "[{name: simple, arguments: {max_workers: 8, max_queue_size: 3}}]}}}}"
    )
    run("decide", "-f", described, "--record", records, given=a_line(3))
    words = run("explain", records).stdout

    rows = [line.split() for line in words.splitlines()]
    assert ["scaler", "max", "literal"] in rows
    assert ["scaler.scalers[0]", "simple", "literal"] in rows
    assert ["scaler.scalers[0].max_queue_size", "3", "literal"] in rows
    assert "With scaler.scalers[0].max_queue_size 2 instead of 3, it would have started 1 worker." in words


def test_each_kind_of_change_is_a_sentence(run, a_line, tmp_path):
    """A later moment, a worker fewer, a queue that is known: each reads as a sentence."""
    records = tmp_path / "records.jsonl"
    worker = json.loads(a_line())["workers"][0]
    idle = {**worker, "worker_id": "w2", "status": "Free", "current_request": 0, "last_service_time": 1_722_220_870}
    stream = a_line(0, workers=[worker, idle]) + a_line(0, queue=None) + a_line(0, workers=None) + a_line(0)
    run("decide", "simple", "-a", "max_workers=5", "--record", records, given=stream)

    assert "20 s later, it would have removed w2." in run("explain", records, "--line", 1).stdout
    assert "With nobody known to be waiting, it would have done nothing." in run("explain", records, "--line", 2).stdout
    assert (
        "With the workers known to be none, it would have started 1 worker."
        in run("explain", records, "--line", 3).stdout
    )
    assert "With 0 busy workers instead of 1, it would have started 1 worker." in run("explain", records).stdout


def test_a_worker_that_was_never_there_is_not_called_by_an_id(run, a_line, tmp_path):
    """Who would have been one too many is the one more free worker, also in the reason."""
    records = tmp_path / "records.jsonl"
    run("decide", "simple", "-a", "max_workers=1", "--record", records, given=a_line(0))
    words = run("explain", records).stdout

    assert "With 1 free worker instead of 0, it would have removed one more free worker.\n" in words
    assert "simple: removes one more free worker: free, and above the maximum of 1\n" in words


def test_json_has_both_decisions_and_each_change(run, records):
    """For programs: both decisions, each change with its parts, and the arguments."""
    told = json.loads(run("explain", records, "-o", "json").stdout)

    nearest = told["flips"][0]
    assert (2, "app", "simple") == (told["line"], told["app"], told["scaler"])
    assert told["recorded"] == told["replayed"]
    assert ("waiting", "QueueDueBusy", 2, 3) == tuple(nearest[name] for name in ("part", "name", "was", "now"))
    assert [{"count": 1, "action": "ScaleUp"}] == nearest["outcome"]["actions"]
    assert ["min_workers", "max_queue_size"] == [limit["name"] for limit in told["limits"]][:2]
    assert [("max_queue_size", 1)] == [(limit["name"], limit["now"]) for limit in told["binding"]]
    assert "literal" == told["arguments"]["max_queue_size"]["source"]


def test_what_is_decided_otherwise_today_is_said(run, records):
    """Where today's code no longer comes to the recorded decision, that is shown first."""
    lines = records.read_text().splitlines()
    record = json.loads(lines[1])
    record["result"]["actions"] = [{"worker_id": "w1\u001b[31m", "action": "ScaleDown"}]
    records.write_text(json.dumps(record) + "\n")
    words = run("explain", records).stdout

    assert "  decided:  remove w1?[31m" in words
    assert "\n  now:      nothing to do   simple:" in words
    assert "Today's code and plugins decide otherwise than was recorded" in words


def test_nothing_to_change_is_said(run, tmp_path):
    """Where no single change makes another decision, it says that it found none."""
    records = tmp_path / "records.jsonl"
    run("decide", "simple", "-a", "max_workers=0", "-a", "min_workers=0", "--record", records, given='{"queue": {}}')
    record = json.loads(records.read_text())
    records.write_text(json.dumps({**record, "snapshot": None, "decorated": None}) + "\n")
    words = run("explain", records).stdout

    assert "Binding limit: none; no argument alone held it back.\n" in words
    assert "Nearest change: none was found that flips the decision by itself.\n" in words


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        ("\n\n", [], "has no records"),
        ("{}\n", ["--line", "7"], "line 7: there is no record"),
        ("\nnonsense\n", [], "line 2: Record: "),
    ],
)
def test_what_is_no_record_is_one_line(run, tmp_path, content, options, told):
    """A file without records, a line that isn't there, one that can't be read: one line each, and status 2."""
    path = tmp_path / "records.jsonl"
    path.write_text(content)
    result = run("explain", path, *options)

    assert result.stderr.startswith(f"error: {path}: {told}")
    assert (1, 2) == (result.stderr.count("\n"), result.exit_code)


def test_a_secret_has_to_be_given_and_is_not_shown(run, a_line, tmp_path):
    """As replay does, it asks for a secret; the table has stars for it."""
    (tmp_path / "secrets" / "s").mkdir(parents=True)
    (tmp_path / "secrets" / "s" / "idle").write_text("7531")
    described, records = tmp_path / "scaler.yaml", tmp_path / "records.jsonl"
    described.write_text(
        "{name: simple, arguments: {max_idle_time: {valueFrom: {secretKeyRef: {name: s, key: idle}}}}}"
    )
    run("decide", "-f", described, "--secrets", tmp_path / "secrets", "--record", records, given=a_line())
    without = run("explain", records)
    given = run("explain", records, "--secret", "max_idle_time=7531")

    assert "max_idle_time (Secret s/idle) is a secret" in without.stderr
    assert "7531" not in given.output
    assert "max_idle_time       ***  Secret s/idle\n" in given.stdout


def test_a_secret_that_the_record_does_not_lack_is_refused(run, records):
    """What isn't an argument, or isn't a secret, is named together with what is; a decorator's is one of them."""
    assert (
        f"error: {records}: line 2: secret 'max_workers' is not one of (none)\n"
        == run("explain", records, "--secret", "max_workers=4").stderr
    )

    record = json.loads(records.read_text().splitlines()[0])
    used = {"value": "***", "source": "Secret s/used", "redacted": True}
    record["decorators"]["factors"] = [{"name": "average", "arguments": {"used_histories": used}}]
    records.write_text(json.dumps(record) + "\n")

    assert "'used_histories' is not one of average.used_histories; did you mean" in (
        run("explain", records, "--secret", "used_histories=0").stderr
    )
    assert "Binding limit: " in run("explain", records, "--secret", "average.used_histories=0").stdout


def test_a_secret_of_a_scaler_inside_is_not_shown_either(run, a_line, tmp_path):
    """Where a record has no value, the table has stars, and where that came from."""
    (tmp_path / "secrets" / "s").mkdir(parents=True)
    (tmp_path / "secrets" / "s" / "idle").write_text("7531")
    described, records = tmp_path / "scaler.yaml", tmp_path / "records.jsonl"
    late = "{valueFrom: {secretKeyRef: {name: s, key: idle}}}"
    described.write_text(
        f"{{name: max, arguments: {{scalers: [{{name: simple, arguments: {{max_idle_time: {late}}}}}]}}}}"
    )
    run("decide", "-f", described, "--secrets", tmp_path / "secrets", "--record", records, given=a_line())
    words = run("explain", records, "--secret", "scalers[0].max_idle_time=7531").output

    rows = [line.split() for line in words.splitlines()]
    assert ["scalers[0].max_idle_time", "***", "Secret", "s/idle"] in rows
    assert "7531" not in words


def test_a_secret_that_may_bind_is_named(run, a_line, tmp_path):
    """A secret isn't changed to see what it would do, so that it isn't said that no argument binds."""
    described, records, secrets = (tmp_path / name for name in ("scaler.yaml", "records.jsonl", "secrets"))
    reference = "{valueFrom: {secretKeyRef: {name: quota, key: most}}}"
    described.write_text(f"{{name: simple, arguments: {{max_workers: {reference}}}}}")
    (secrets / "quota").mkdir(parents=True)
    (secrets / "quota" / "most").write_text("3")
    busy = [{**json.loads(a_line())["workers"][0], "worker_id": name} for name in ("w1", "w2", "w3")]
    run("decide", "-f", described, "--secrets", secrets, "--record", records, given=a_line(9, workers=busy))
    words = run("explain", records, "--secret", "max_workers=3").stdout

    assert (
        "Binding limit: none of those that are shown.\n"
        "  Not changed, since it isn't shown, and may bind: max_workers.\n"
    ) in words


def test_a_bound_that_is_in_the_way_is_said(run, a_line, tmp_path):
    """How many workers are wanted, how many there may be, and what allows no more; programs get it, too."""
    records = tmp_path / "records.jsonl"
    run("decide", "simple", "-a", "max_workers=1", "--record", records, given=a_line(3))

    assert "  capped:   wanted 2, may have 1: maximum\n" in run("explain", records).stdout
    capped = json.loads(run("explain", records, "-o", "json").stdout)["recorded"]["capped"]
    assert {"wanted": 2, "allowed": 1, "by": "maximum"} == capped
