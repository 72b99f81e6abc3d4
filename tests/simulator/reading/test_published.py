"""Traces of LLM services in the forms in which they are published."""

from __future__ import annotations

import pytest

from everai_autoscaler.errors import ContractError
from everai_autoscaler.simulator.reading import read

AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2023-11-16 18:15:46.6805900,374,44\n"
    "2023-11-16 18:15:50.9951690,396,109\n"
    "2023-11-16 18:15:51.2229670,879,55\n"
)
AZURE_2024 = "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00.009930+00:00,1452,3\n"
MOONCAKE = (
    '{"timestamp": 0, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47, 48]}\n'
    '{"timestamp": 40, "input_length": 23769, "output_length": 3, "hash_ids": [151]}\n'
    '{"timestamp": 277, "input_length": 32140, "output_length": 92, "hash_ids": [198]}\n'
)


@pytest.fixture
def written(tmp_path):
    """Writes a file, and gives its path."""

    def write(text):
        path = tmp_path / "published"
        path.write_text(text)
        return path

    return write


def test_azure_counts_from_its_first_request(written):
    """Stamps become seconds from the first request, to the microsecond, and second 0 is known."""
    workload = read(written(AZURE))

    assert [0.0, 4.314579, 4.542377] == list(workload.arrivals)
    assert [374, 396, 879] == list(workload.input_tokens)
    assert [44, 109, 55] == list(workload.output_tokens)
    assert 1700158546.68059 == workload.start


def test_the_shipped_trace_has_the_stated_service_times(written):
    """Azure's published rows give what ships with the package, by the rule that it states."""
    workload = read(written(AZURE))

    assert [round(seconds, 3) for seconds in read("azure_llm_conv_2023").services[:3]] == [
        round(seconds, 3) for seconds in workload.services
    ]
    assert "service times are 0.05 + input_tokens / 8000 + output_tokens / 30 seconds" == workload.modelled


def test_stamps_of_2024_name_their_zone(written):
    """The later form with a zone is read as well."""

    assert 1715299200.00993 == read(written(AZURE_2024)).start


def test_mooncake_counts_in_milliseconds(written):
    """Stamps become seconds; lengths are tokens."""
    workload = read(written(MOONCAKE))

    assert [0.0, 0.04, 0.277] == list(workload.arrivals)
    assert [6955, 23769, 32140] == list(workload.input_tokens)
    assert [52, 3, 92] == list(workload.output_tokens)


def test_coarse_stamps_are_spread(written):
    """Stamps that are all multiples of three seconds were rounded: requests are spread inside, and it is said."""
    line = '{{"timestamp": {}, "input_length": 10, "output_length": 20, "hash_ids": []}}\n'
    path = written("".join(line.format(stamp) for stamp in (0, 0, 0, 3000, 3000, 9000)))
    workload = read(path, seed=1)

    assert [0, 0, 0, 3, 3, 9] == [came // 3 * 3 for came in workload.arrivals]
    assert 6 == len(set(workload.arrivals))
    assert workload.modelled.startswith("stamps are multiples of 3 s, inside of which arrivals were spread uniformly")
    assert list(workload) == list(read(path, seed=1))
    assert list(workload) != list(read(path, seed=2))


def test_published_rows_out_of_order_are_sorted(written):
    """Who publishes a trace can't be asked: its rows are sorted, and it is said."""
    header, *rows = AZURE.splitlines(keepends=True)
    workload = read(written(header + "".join(reversed(rows))))

    assert [374, 396, 879] == list(workload.input_tokens)
    assert workload.modelled.startswith("requests were sorted by arrival; ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (AZURE.splitlines()[0] + "\n", "has no requests"),
        (AZURE + "yesterday,1,1\n", "line 5: TIMESTAMP: 'yesterday' is not a date and time"),
        (AZURE + "2023-11-16 18:15:59,-1,1\n", "line 5: ContextTokens: '-1' is not a whole number of at least 0"),
        (AZURE + "2033-11-16 18:15:59,1,1\n", "line 5: arrival_s: "),
        (MOONCAKE + '{"timestamp": 300}\n', "line 4: no field input_length or output_length"),
        (MOONCAKE + MOONCAKE.splitlines()[0].replace(": 0,", ": -5,"), "line 4: timestamp: -5 is not a number of"),
        (MOONCAKE + MOONCAKE.splitlines()[0].replace("6955", "null"), "line 4: input_length: None is not a whole"),
        (MOONCAKE + "{", "line 4: is not JSON"),
    ],
)
def test_a_bad_row_is_named_with_its_line(written, text, told):
    """One clear line: the file, the line, what was given."""
    path = written(text)

    with pytest.raises(ContractError) as raised:
        read(path)

    assert told in str(raised.value)
    assert str(raised.value).startswith(f"{path}: ")


def test_a_kind_can_be_forced(written):
    """A form that is forced must be right, and says what it misses."""
    with pytest.raises(ContractError, match="line 1: no column TIMESTAMP or ContextTokens or GeneratedTokens"):
        read(written("arrival_s,service_s\n1,1\n"), kind="azure-llm")
