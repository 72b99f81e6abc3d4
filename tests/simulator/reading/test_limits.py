"""Each form ends with one line where it has more requests than the limit, or a cell that is no cell."""

from __future__ import annotations

import pytest

from everai_autoscaler import Decider
from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import Factors
from everai_autoscaler.simulator.reading import read

LOG = '::1 - - [28/Nov/2025:09:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "x"\n'
FORMS = {
    "rows": ("arrival_s\n1\n2\n3\n", "line 4: one request more than the 2 that are accepted"),
    "published": (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "2025-01-01,1,1\n" * 3,
        "line 4: one request more than the 2 that are accepted",
    ),
    "access_log": (LOG * 3, "line 3: one line more than the 2 that are accepted"),
    "counts": ("minute,a\n0,2\n1,1\n", "has 3 requests; at most 2 are accepted"),
}


def mooncake(count):
    return '{"timestamp": 1, "input_length": 1, "output_length": 1}\n' * count


@pytest.mark.parametrize("module", FORMS)
def test_more_requests_than_the_limit_are_refused(tmp_path, monkeypatch, module):
    """Reading stops there, with the line."""
    text, told = FORMS[module]
    path = tmp_path / "many"
    path.write_text(text)
    monkeypatch.setattr(f"everai_autoscaler.simulator.reading.{module}.MOST_REQUESTS", 2)

    with pytest.raises(ContractError, match=told):
        read(path, service=1)


def test_mooncakes_lines_are_counted_too(tmp_path, monkeypatch):
    """As those of the other forms."""
    path = tmp_path / "many"
    path.write_text(mooncake(3))
    monkeypatch.setattr("everai_autoscaler.simulator.reading.published.MOST_REQUESTS", 2)

    with pytest.raises(ContractError, match="line 3: one request more than the 2 that are accepted"):
        read(path)


def test_records_of_too_many_requests_are_refused(tmp_path, monkeypatch):
    """What records tell of is limited as well, by app."""
    decider = Decider("simple", {"max_workers": 1}, app="app")
    path = tmp_path / "many"
    with path.open("w") as lines:
        for at in (0.0, 20.0):
            factors = Factors(queue={}, arrivals=3, observed_at=at)
            lines.write(decider.decision(factors).record().json() + "\n")
    monkeypatch.setattr("everai_autoscaler.simulator.reading.records.MOST_REQUESTS", 2)

    with pytest.raises(ContractError, match="app app: has more requests than the 2 that are accepted"):
        read(path, service=1)


@pytest.mark.parametrize(
    "header",
    [
        "arrival_s,service_s",
        "TIMESTAMP,ContextTokens,GeneratedTokens",
        "minute,a",
        "HashOwner,HashApp,HashFunction,Trigger,1,2",
    ],
)
def test_a_cell_that_is_far_too_long_is_named_with_its_line(tmp_path, header):
    """What Python's csv refuses is one line, too."""
    path = tmp_path / "long"
    path.write_text(f"{header}\n{'1' * 200_000},1,1,1,1\n")

    with pytest.raises(ContractError, match="line 2: field larger than field limit"):
        read(path, service=1)
