"""Requests in a table of this package's columns: CSV, JSON Lines and Parquet."""

from __future__ import annotations

import gzip
import os
import sys
import threading

import pytest

from everai_autoscaler.errors import ArgumentError, ContractError, MissingExtraError, UnknownNameError
from everai_autoscaler.simulator.reading import read
from everai_autoscaler.simulator.service import FromTokens, LogNormal


@pytest.fixture
def written(tmp_path):
    """Writes a file, and gives its path."""

    def write(text, name="own.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_part_counts_from_its_own_start(written):
    """A part holds what came from its start until before its end, counted from its start."""
    path = written("arrival_s,service_s\n1,2\n5,3\n9,4\n")

    assert [(0.0, 3.0)] == list(read(path).between(5, 9))
    assert [(0.0, 3.0), (4.0, 4.0)] == list(read(path).between(5))


def test_columns_are_found_by_name(written):
    """Further columns and another order do no harm, nor do empty lines."""
    path = written("\nservice_s, model, arrival_s\n2,a,1\n\n3,b,4\n")

    assert [(1.0, 2.0), (4.0, 3.0)] == list(read(path))


def test_packed_is_told_from_plain_by_its_contents(written):
    """A gzip file is unpacked whatever it is called."""
    path = written(gzip.compress(b"arrival_s,service_s\n1,2\n"))

    assert [(1.0, 2.0)] == list(read(str(path)))


def test_optional_columns_are_kept(written):
    """Session, tokens and class of each request are there where the file has them."""
    path = written(
        "arrival_s,service_s,session,input_tokens,output_tokens,class\n0,1,ann,10,20,chat\n1,1,,30,40.0,code\n"
    )
    workload = read(path)

    assert ["ann", None] == workload.sessions
    assert [[10, 30], [20, 40]] == [list(workload.input_tokens), list(workload.output_tokens)]
    assert ["chat", "code"] == workload.classes
    assert "" == workload.modelled


def test_json_lines_say_the_same_as_csv(written):
    """An object a line, with the same names as the columns."""
    table = read(written("arrival_s,service_s,input_tokens,output_tokens\n0.5,1,10,20\n2,3,30,40\n"))
    lines = read(
        written(
            '{"arrival_s": 0.5, "service_s": 1, "input_tokens": 10, "output_tokens": 20}\n\n'
            '{"output_tokens": 40, "arrival_s": 2, "service_s": 3, "input_tokens": 30}\n',
            "own.jsonl",
        )
    )

    assert list(table) == list(lines)
    assert list(table.output_tokens) == list(lines.output_tokens)


def test_parquet_says_the_same_as_csv(written, tmp_path):
    """Parquet is told by its first bytes, and read by its columns' names."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "own.data"
    columns = {"service_s": [1.0, 3.0], "arrival_s": [0.5, 2.0], "session": ["ann", None], "other": [1, 2]}
    parquet.write_table(pyarrow.table(columns), path)
    workload = read(path)

    assert [(0.5, 1.0), (2.0, 3.0)] == list(workload)
    assert ["ann", None] == workload.sessions


def test_a_bad_row_of_parquet_is_named(tmp_path):
    """What is wrong in Parquet is told with the number of the row."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "own.parquet"
    parquet.write_table(pyarrow.table({"arrival_s": [0.0, 1.0], "service_s": [1.0, -1.0]}), path)

    with pytest.raises(ContractError, match=r"own.parquet: line 2: service_s: -1.0 is not a number of seconds"):
        read(path)


def test_what_only_begins_as_parquet_is_one_line(written):
    """A broken Parquet file is an error that names it."""
    pytest.importorskip("pyarrow")

    with pytest.raises(ContractError, match="is not Parquet that can be read"):
        read(written(b"PAR1 and nothing more"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "line 1: no column arrival_s or service_s"),
        (b"arrival_s,duration\n1,2\n", "line 1: no column service_s"),
        (b"arrival_s,service_s\n", "has no requests"),
        (b"arrival_s,service_s\n1,2\nx,2\n", "line 3: arrival_s: 'x' is not a number of seconds of at least 0"),
        (b"arrival_s,service_s\nnan,2\n", "line 2: arrival_s: 'nan' is not a number of seconds of at least 0"),
        (b"arrival_s,service_s\n1,nan\n", "line 2: service_s: 'nan' is not"),
        (b"arrival_s,service_s\n-1,1\n", "line 2: arrival_s: '-1' is not"),
        (b"arrival_s,service_s\ninf,1\n", "line 2: arrival_s: inf is not"),
        (b"arrival_s,service_s\n1,inf\n", "line 2: service_s: 'inf' is not"),
        (b"arrival_s,service_s\n1\n", "line 2: service_s: '' is not"),
        (b"arrival_s,service_s\n1,-1\n", "line 2: service_s: '-1' is not"),
        (b"arrival_s,service_s\n5,1\n4,1\n", "line 3: arrival_s: 4.0 comes after 5.0, not in order"),
        (
            b"arrival_s,service_s\n1720000000,1\n",
            "line 2: arrival_s: 1720000000.0 comes 19,907 days after 0.0; at most 366 days may lie between, and",
        ),
        (b"arrival_s,service_s,input_tokens\n1,1,2.5\n", "line 2: input_tokens: '2.5' is not a whole number of"),
        (b"\xff\xfe", "is neither text in UTF-8 nor gzip of it"),
        (b"\x1f\x8b\x00", "is neither text in UTF-8 nor gzip of it"),
        (gzip.compress(b"arrival_s,service_s\n1,2\n")[:-6], "is neither text in UTF-8 nor gzip of it"),
        (b'{"arrival_s": 1}\n', "line 1: no field service_s"),
        (b'{"arrival_s": 1, "service_s": 2}\n\n[1]\n', "line 3: [1] is not a JSON object"),
        (b'{"arrival_s": 1, "service_s": 2}\n{"arr', "line 2: is not JSON: "),
        (b'{"arrival_s": 1, "service_s": 2}\n{"arrival_s": 2}\n', "line 2: service_s: None is not"),
        (b'{"arrival_s": NaN, "service_s": 2}\n', "line 1: arrival_s: nan is not"),
    ],
)
def test_a_bad_file_is_named_with_its_line(written, text, told):
    """What can't be read is one clear error: the file, the line, what was given, what is accepted."""
    path = written(text)

    with pytest.raises(ContractError) as raised:
        read(path)

    assert told in str(raised.value)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_one_row_is_a_workload(written):
    """A single request is enough."""

    assert 1 == len(read(written("arrival_s,service_s\n3,1\n")))


def test_more_rows_than_the_limit_are_refused(written, monkeypatch):
    """The row after the last accepted one is named."""
    monkeypatch.setattr("everai_autoscaler.simulator.reading.rows.MOST_REQUESTS", 2)

    with pytest.raises(ContractError, match="line 4: one request more than the 2 that are accepted"):
        read(written("arrival_s,service_s\n1,1\n2,1\n3,1\n"))


def test_a_directory_is_no_trace(tmp_path):
    """What can't be opened is told as what can't be read."""
    with pytest.raises(ContractError, match="can't be read: Is a directory"):
        read(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="named pipes")
def test_a_pipe_is_read_once(tmp_path):
    """A file that can only be read from front to back will do."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("arrival_s,service_s\n1,2\n",))
    writer.start()

    assert [(1.0, 2.0)] == list(read(path))
    writer.join()


def test_an_unknown_name_lists_the_known_ones():
    """A name that is neither shipped nor a file says which names there are."""
    with pytest.raises(UnknownNameError, match=r"azure_llm_code_2023, azure_llm_conv_2023, .*; did you mean"):
        read("azure_llm_code")


def test_an_unknown_kind_lists_the_known_ones(written):
    """A kind that there isn't says which there are, before anything is read."""
    with pytest.raises(UnknownNameError, match=r"kind of workload 'cvs' is not one of .*; did you mean 'csv'\?"):
        read(written("arrival_s,service_s\n1,1\n"), kind="cvs")


def test_missing_times_come_from_a_model_that_is_stated(written):
    """A file without service times needs a model, and the workload says which it was."""
    path = written("arrival_s\n1\n2\n3\n")

    assert [2.5, 2.5, 2.5] == list(read(path, service=2.5).services)
    assert "service times are always 2.5, in seconds" == read(path, service=2.5).modelled
    assert "service times are lognormal, mean 6, CV 1, in seconds" == read(path, service=LogNormal(6)).modelled


def test_parquet_without_its_columns_or_its_library(tmp_path, monkeypatch):
    """What is missing is named: the column, or the extra that reads Parquet."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "own.parquet"
    parquet.write_table(pyarrow.table({"arrival_s": [0.0]}), path)

    with pytest.raises(ContractError, match=r"own\.parquet: no column service_s"):
        read(path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'everai-autoscaler\[simulator\]'"):
        read(path)


def test_the_same_seed_draws_the_same_times(written):
    """Chance repeats for the same seed, and differs for another."""
    path = written("arrival_s\n1\n2\n3\n")

    assert list(read(path, service="exponential:3", seed=1)) == list(read(path, service="exponential:3", seed=1))
    assert list(read(path, service="exponential:3", seed=1)) != list(read(path, service="exponential:3", seed=2))


def test_a_model_that_is_asked_for_replaces_the_times_of_the_file():
    """The service times of a shipped trace can be modelled otherwise."""
    faster = read("azure_llm_code_2023", service=FromTokens(decode=60))

    assert round(0.05 + 4808 / 8000 + 10 / 60, 6) == faster.services[0]
    assert "service times are 0.05 + input_tokens / 8000 + output_tokens / 60 seconds" == faster.modelled
    assert (
        "published stamps are multiples of 3 s, inside of which arrivals were spread uniformly; "
        "service times are always 2, in seconds"
    ) == read("mooncake_conv_fast25", service=2).modelled


def test_tokens_without_times_get_the_model_of_the_shipped_traces(written):
    """Where a file has tokens and no times, the stated rule of tokens gives them."""
    workload = read(written("arrival_s,input_tokens,output_tokens\n0,4000,60\n"))

    assert [2.55] == list(workload.services)
    assert "service times are 0.05 + input_tokens / 8000 + output_tokens / 30 seconds" == workload.modelled


def test_a_rule_of_tokens_needs_tokens(written):
    """A file without tokens can't be read by a rule of them."""
    with pytest.raises(ContractError, match="has no columns input_tokens and output_tokens"):
        read(written("arrival_s\n1\n"), service=FromTokens())


def test_a_bad_model_is_refused_by_name(written):
    """What is wrong with a model of service times is told before the file is read."""
    with pytest.raises(ArgumentError, match=r"exponential:-3: mean: -3 is not a number above 0"):
        read(written("arrival_s\n1\n"), service="exponential:-3")
