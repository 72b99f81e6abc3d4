"""When real requests came, and how such a file is read."""

from __future__ import annotations

import gzip
import math

import pytest

from everai_autoscaler.errors import ContractError, UnknownNameError
from everai_autoscaler.traces import load, names


@pytest.mark.parametrize(
    ("name", "rows", "span", "mean_service"),
    [("azure_llm_code_2023", 8819, 3436, 1.24), ("azure_llm_conv_2023", 19366, 3502, 7.23)],
)
def test_the_shipped_traces_are_what_their_page_says(name, rows, span, mean_service):
    """Rows, span and mean service time are those of the table, and the licence is named."""
    trace = load(name)

    came = [arrival for arrival, _ in trace.arrivals]
    assert (rows, span) == (len(came), round(came[-1]))
    assert sorted(came) == came
    assert mean_service == round(math.fsum(service for _, service in trace.arrivals) / rows, 2)
    assert "CC-BY-4.0" == trace.licence
    assert "Splitwise" in trace.source


def test_every_name_can_be_loaded():
    """What is listed is there."""
    assert names() == [load(name).name for name in names()]


def test_a_part_counts_from_its_own_start(tmp_path):
    """A part holds what came from its start until before its end, counted from its start."""
    path = tmp_path / "own.csv"
    path.write_text("arrival_s,service_s\n1,2\n5,3\n9,4\n")

    assert ((0.0, 3.0),) == load(path).between(5, 9).arrivals
    assert ((0.0, 3.0), (4.0, 4.0)) == load(path).between(5).arrivals


def test_columns_are_found_by_name(tmp_path):
    """Further columns and another order do no harm, nor do empty lines."""
    path = tmp_path / "own.csv"
    path.write_text("service_s, model, arrival_s\n2,a,1\n\n3,b,4\n")

    assert ((1.0, 2.0), (4.0, 3.0)) == load(path).arrivals


def test_packed_is_told_from_plain_by_its_contents(tmp_path):
    """A gzip file is unpacked whatever it is called."""
    path = tmp_path / "own.csv"
    path.write_bytes(gzip.compress(b"arrival_s,service_s\n1,2\n"))

    assert ((1.0, 2.0),) == load(str(path)).arrivals


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "line 1: no column arrival_s or service_s"),
        (b"arrival_s,duration\n1,2\n", "line 1: no column service_s"),
        (b"arrival_s,service_s\n", "has no requests"),
        (b"arrival_s,service_s\n1,2\nx,2\n", "line 3: arrival_s: 'x' is not a number of seconds of at least 0"),
        (b"arrival_s,service_s\n1,nan\n", "line 2: service_s: 'nan' is not"),
        (b"arrival_s,service_s\n-1,1\n", "line 2: arrival_s: '-1' is not"),
        (b"arrival_s,service_s\n1,inf\n", "line 2: service_s: 'inf' is not"),
        (b"arrival_s,service_s\n1\n", "line 2: service_s: '' is not"),
        (b"arrival_s,service_s\n1,0\n", "line 2: service_s: 0.0 is not above 0"),
        (b"arrival_s,service_s\n5,1\n4,1\n", "line 3: arrival_s: 4.0 comes after 5.0, not in order"),
        (b"\xff\xfe", "is neither CSV text nor gzip of it"),
        (b"\x1f\x8b\x00", "is neither CSV text nor gzip of it"),
        (gzip.compress(b"arrival_s,service_s\n1,2\n")[:-6], "is neither CSV text nor gzip of it"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path, text, told):
    """What can't be read is one clear error: the file, the line, what was given."""
    path = tmp_path / "own.csv"
    path.write_bytes(text)

    with pytest.raises(ContractError) as raised:
        load(path)

    assert told in str(raised.value)
    assert str(raised.value).startswith(f"{path}: ")


def test_a_directory_is_no_trace(tmp_path):
    """What can't be opened is told as what can't be read."""
    with pytest.raises(ContractError, match="can't be read: Is a directory"):
        load(tmp_path)


def test_an_unknown_name_lists_the_known_ones():
    """A name that is neither shipped nor a file says which names there are."""
    with pytest.raises(UnknownNameError, match="azure_llm_code_2023, azure_llm_conv_2023; did you mean"):
        load("azure_llm_code")
