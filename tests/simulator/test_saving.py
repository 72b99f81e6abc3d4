from __future__ import annotations

import json
import sys

import attrs
import pytest

from everai_autoscaler.errors import ContractError, MissingExtraError
from everai_autoscaler.simulator.run import Requests
from everai_autoscaler.simulator.saving import load, save
from everai_autoscaler.simulator.simulate import simulate
from everai_autoscaler.simulator.workload import Workload

BURST = Workload(
    "burst",
    [0, 0.1, 0.2, 100],
    [30, 30, 30, 10],
    classes=["a", "b", "a", "b"],
    input_tokens=[1, 2, 3, 4],
    source="made up",
    start=1_722_221_030.0,
)


@pytest.fixture(params=["run.jsonl", "run.jsonl.gz", "run.parquet"])
def path(request, tmp_path):
    """A file of each form."""
    if request.param.endswith("parquet"):
        pytest.importorskip("pyarrow")
    return tmp_path / request.param


@pytest.fixture
def run():
    return simulate("simple", BURST, arguments={"max_workers": 2}, price=2.5, until=60)


def _all(run):
    """Everything that a run holds, as what can be compared; NaN is equal to itself in text."""
    columns = attrs.asdict(run.requests, recurse=False), attrs.asdict(run.workload, recurse=False)
    return repr(columns), run.setting, run.workers, run.ticks, run.ended_at


def test_what_was_saved_is_loaded(run, path):
    """Nothing is lost or rounded, also of requests that hadn't come when the run ended."""
    save(run, path)
    found = load(path)

    assert (3, 4) == (len(found.requests), len(found.workload))
    assert run.metrics() == found.metrics()
    assert _all(run)[1:] == _all(found)[1:]
    assert list(run.requests.began) == list(found.requests.began)
    assert list(run.workload) == list(found.workload)
    assert (list("abab"), [1, 2, 3, 4]) == (list(found.workload.classes), list(found.workload.input_tokens))


def test_whom_the_queue_refused_and_who_left_is_loaded(run, path):
    """Those numbers are part of the head."""
    fates = attrs.evolve(run.requests, refused=(2,), interrupted=(0, 0), left=((1, 7.5),))
    save(attrs.evolve(run, requests=fates), path)
    found: Requests = load(path).requests

    assert ((2,), (0, 0), ((1, 7.5),)) == (found.refused, found.interrupted, found.left)


def test_a_run_of_nothing_is_loaded(path):
    """No request came."""
    save(simulate("simple", [], until=60), path)

    assert (0, 3) == (len(load(path).requests), len(load(path).ticks))


def test_another_ending_is_refused(run, tmp_path):
    """The message says which there are."""
    with pytest.raises(ContractError, match=r"ends with one of \.jsonl, \.jsonl\.gz, \.parquet"):
        save(run, tmp_path / "run.csv")


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    """It names the file."""
    with pytest.raises(ContractError, match=r"none\.jsonl: No such file"):
        load(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: no JSON"),
        ("[1]", "line 2: '\\[1\\]' isn't an object"),
        ('{"kind":"car"}', "line 2: kind: 'car' is not one of request, worker, tick"),
        ('{"kind":"tick","at":1}', "line 2: .* missing"),
        ('{"kind":"request"}', "line 2: 'came' is missing"),
        ('{"kind":"request","came":"soon","service":1}', "line 2: "),
        ('{"kind":"request","came":-1,"service":1}', "line 1: burst: request 1: arrival"),
    ],
)
def test_a_bad_line_is_named(run, tmp_path, line, words):
    """With its number, and what is wrong with it."""
    path = tmp_path / "run.jsonl"
    save(run, path)
    path.write_text(path.read_text("utf-8").splitlines()[0] + "\n" + line + "\n", "utf-8")

    with pytest.raises(ContractError, match=words):
        load(path)


@pytest.mark.parametrize("text", ["", "{}", "a,b\n", "[]\n"])
def test_another_file_is_no_run(tmp_path, text):
    """Its first line isn't the head of one."""
    path = tmp_path / "run.jsonl"
    path.write_text(text, "utf-8")

    with pytest.raises(ContractError, match="line 1 isn't the head of a saved run"):
        load(path)


def test_another_format_is_not_read(run, tmp_path):
    """A newer version of this package wrote it."""
    path = tmp_path / "run.jsonl"
    save(run, path)
    head, rest = path.read_text("utf-8").split("\n", 1)
    path.write_text(json.dumps({**json.loads(head), "format": 2}) + "\n" + rest, "utf-8")

    with pytest.raises(ContractError, match="format 2 isn't 1"):
        load(path)


def test_a_file_that_was_cut_short_is_one_line(run, tmp_path):
    """Also where it is packed."""
    path = tmp_path / "run.jsonl.gz"
    save(run, path)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(ContractError, match=r"run\.jsonl\.gz: "):
        load(path)


def test_a_file_that_is_no_parquet_is_one_line(tmp_path):
    """It names the file."""
    pytest.importorskip("pyarrow")
    (tmp_path / "run.parquet").write_text("no", "utf-8")

    with pytest.raises(ContractError, match=r"run\.parquet: "):
        load(tmp_path / "run.parquet")


def test_parquet_without_pyarrow_says_what_to_install(run, tmp_path, monkeypatch):
    """And that the other form needs nothing."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'everai-autoscaler\[simulator\]'"):
        save(run, tmp_path / "run.parquet")
