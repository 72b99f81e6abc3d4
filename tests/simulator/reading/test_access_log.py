"""Access logs of web servers."""

from __future__ import annotations

import pytest

from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.simulator.reading import read

STAMP = "[28/Nov/2025:09:00:{:02d} +0000]"
START = 1764320400
COMBINED = "203.0.113.7 - - " + STAMP + ' "POST /v1/chat?x=1 HTTP/1.1" 200 512 "-" "client \\"x\\" 1.0"'


@pytest.fixture
def log(tmp_path):
    """Writes a log, and gives its path."""

    def write(*lines):
        path = tmp_path / "access.log"
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return write


def moments(workload):
    """When requests came, in whole epoch seconds."""
    return [int(workload.start + came + 1e-6) for came in workload.arrivals]


def test_nginx_writes_the_end_and_seconds(log):
    """With a time that has a point the stamp is the end of the request; it began so much earlier."""
    workload = read(log(COMBINED.format(10) + " 4.000", COMBINED.format(10) + " 0.000"))

    assert [START + 6, START + 10] == moments(workload)
    assert [4.0, 0.0] == list(workload.services)
    assert "a line's stamp is taken as the end of its request" in workload.modelled


def test_apache_writes_the_start_and_microseconds(log):
    """With a whole number the stamp is the start of the request, and the number counts microseconds."""
    workload = read(log(COMBINED.format(10) + " 4000000", COMBINED.format(20) + " 250000"))

    assert [START + 10, START + 20] == moments(workload)
    assert [4.0, 0.25] == list(workload.services)
    assert "a line's stamp is taken as the start of its request" in workload.modelled


def test_a_unit_can_be_said(log):
    """Whole seconds (Apache's %T) and milliseconds are read where the unit is said."""

    assert [4.0] == list(read(log(COMBINED.format(10) + " 4"), unit="s").services)
    assert [0.004] == list(read(log(COMBINED.format(10) + " 4"), unit="ms").services)


def test_a_time_with_a_name_is_found_among_other_numbers(log):
    """What stands behind rt= is the request's time; an address or another time isn't."""
    line = COMBINED.format(10) + ' "10.0.0.1" uct="0.001" rt={} uht=0.3'

    assert [0.5] == list(read(log(line.format("0.500"))).services)


def test_without_times_a_model_says_them(log):
    """The plain combined format, and the common one, need a model of service times."""
    common = "::1 - ann " + STAMP.format(5) + ' "GET / HTTP/1.0" 200 -'
    path = log(common, COMBINED.format(7))

    assert [2.0, 2.0] == list(read(path, service=2).services)
    with pytest.raises(ContractError, match="doesn't say how long requests take"):
        read(path)


def test_lines_are_sorted_by_arrival(log):
    """A long request is written late, and came early; the paths go along."""
    long = COMBINED.format(30).replace("/v1/chat?x=1", "/v1/long") + " 25.000"
    workload = read(log(COMBINED.format(10) + " 1.000", long))

    assert ["/v1/long", "/v1/chat"] == workload.classes
    assert "requests were sorted by arrival" in workload.modelled


def test_requests_of_a_second_are_spread_inside_it(log):
    """A stamp is a whole second: ten of one don't come at once, and the same seed spreads them alike."""
    path = log(*[COMBINED.format(10) + " 1000"] * 10)
    workload = read(path, seed=3)

    assert 10 == len(set(workload.arrivals))
    assert workload.span < 1
    assert list(workload) == list(read(path, seed=3))
    assert list(workload) != list(read(path, seed=4))


def test_zones_are_minded(log):
    """A stamp means its moment, whatever its zone."""
    west = COMBINED.format(10).replace("09:00:10 +0000", "01:00:10 -0800") + " 10"

    assert [START + 10] == moments(read(log(west)))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("what is this?", "line 2: what is this? is not a line of an access log in combined format"),
        (
            COMBINED.format(11).replace("28/Nov", "38/Foo") + " 1.000",
            "line 2: '38/Foo/2025:09:00:11 +0000' is not a date",
        ),
        (COMBINED.format(11), "line 2: has no request time behind the combined fields, unlike line 1"),
        (COMBINED.format(11).replace("2025", "2029") + " 1.000", "line 2: arrival_s: "),
    ],
)
def test_a_bad_line_is_named(log, line, told):
    """One clear line: the file, the line, what was given."""
    with pytest.raises(ContractError) as raised:
        read(log(COMBINED.format(10) + " 1.000", line))

    assert told in str(raised.value)


def test_blank_lines_do_no_harm(log):
    """A blank line is passed over, and counts as a line."""
    with pytest.raises(ContractError, match="line 4: x is not a line of an access log"):
        read(log(COMBINED.format(10) + " 1.000", "", COMBINED.format(11) + " 1.000", "x"))


def test_an_unknown_unit_is_refused(log):
    """It says which there are."""
    with pytest.raises(ArgumentError, match="unit: 'min' is not one of s, ms, us"):
        read(log(COMBINED.format(10) + " 4"), unit="min")
