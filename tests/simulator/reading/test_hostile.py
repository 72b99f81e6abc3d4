"""Whatever a file holds, reading it gives a workload or one clear line."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.errors import AutoscalerError
from everai_autoscaler.simulator.reading import KINDS, read, read_apps
from everai_autoscaler.simulator.reading.counts import TIME_COLUMNS
from everai_autoscaler.simulator.workload import Workload

CELLS = st.one_of(
    st.sampled_from(
        ["", "0", "1", "1.5", "-1", "nan", "inf", "1e400", "1e300", "x", '"', "\x00", "2025-01-01", "٣", "1_0"]
    ),
    st.integers(-10, 10**20).map(str),
    st.text(max_size=5),
)
HEADERS = st.sampled_from(
    [
        "arrival_s,service_s",
        "arrival_s,service_s,session,input_tokens,output_tokens,class",
        "TIMESTAMP,ContextTokens,GeneratedTokens",
        "HashOwner,HashApp,HashFunction,Trigger,1,2,3",
        "minute,a,b",
        "timestamp,a",
        "",
    ]
)
TABLES = st.builds(
    lambda header, rows: "\n".join([header, *(",".join(row) for row in rows)]),
    HEADERS,
    st.lists(st.lists(CELLS, max_size=7), max_size=5),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(2**70), 2**70) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
FIELDS = ["arrival_s", "service_s", "session", "input_tokens", "timestamp", "input_length", "output_length"]
LINES = st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES), max_size=4).map(
    lambda objects: "\n".join(json.dumps(one) for one in objects)
)
LOGS = st.lists(
    st.builds(
        '{} - - [{}/Nov/{}:09:00:{:02d} {}] "{}" 200 5 "-" "x" {}'.format,
        st.text(max_size=3),
        st.integers(0, 40),
        st.sampled_from(["2025", "0000", "99999", "1970"]),
        st.integers(0, 99),
        st.sampled_from(["+0000", "-9999", "UTC", ""]),
        st.text(max_size=6),
        CELLS,
    ),
    max_size=4,
).map("\n".join)


def outcome(make):
    """The workload, or the line that says what is wrong."""
    try:
        return make()
    except AutoscalerError as error:
        told = str(error)
        assert "\n" not in told.strip()
        assert told
        return told


@settings(max_examples=60)
@given(
    data=TABLES | LINES | LOGS | st.text(), kind=st.sampled_from([None, *(one for one in KINDS if one != "parquet")])
)
def test_any_text_is_a_workload_or_one_line(tmp_path_factory, data, kind):
    """Nothing but an error of this package comes out, whatever the form is taken for."""
    path = tmp_path_factory.getbasetemp() / "hostile"
    path.write_bytes(data.encode("utf-8", "surrogatepass"))

    assert isinstance(outcome(lambda: read(path, kind=kind, service=1)), Workload | str)
    assert isinstance(outcome(lambda: read_apps(path, kind=kind, service=1)), dict | str)


@settings(max_examples=60)
@given(
    data=st.binary(max_size=40),
    start=st.sampled_from([b"", b"\x1f\x8b", gzip.compress(b"arrival_s")[:12], b"\xff\xfe"]),
)
def test_any_bytes_are_a_workload_or_one_line(tmp_path_factory, data, start):
    """Broken archives and other encodings, too."""
    path = tmp_path_factory.getbasetemp() / "hostile"
    path.write_bytes(start + data)

    assert isinstance(outcome(lambda: read(path, service=1)), Workload | str)


@settings(max_examples=30)
@given(
    requests=st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e9)), min_size=1, max_size=20),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_was_written_is_read(tmp_path_factory, requests, end):
    """A table of our columns gives back each number to the last bit."""
    came = sorted(requests)
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_text(end.join(["arrival_s,service_s", *(f"{a!r},{s!r}" for a, s in came)]), newline="")

    assert came == list(read(path))


@pytest.mark.parametrize("name", TIME_COLUMNS)
def test_every_name_of_a_time_column_is_told_from_a_table(tmp_path, name):
    """A file of counts is found out by the name of its first column."""
    path = tmp_path / "counts"
    path.write_text(f"{name.title()},requests\n0,1\n1,2\n")

    assert 3 == len(read(path, service=1))
