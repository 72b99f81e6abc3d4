"""Requests counted per interval."""

from __future__ import annotations

import pytest

from everai_autoscaler.errors import ContractError, UnknownNameError
from everai_autoscaler.simulator.reading import read, read_apps

COUNTS = "minute,chat,code\n0,2,0\n1,0,3\n2,1,1\n"
FUNCTIONS = (
    "HashOwner,HashApp,HashFunction,Trigger," + ",".join(map(str, range(1, 1441))) + "\n"
    "o,a,f00d,http," + ",".join(["2", *["0"] * 1438, "1"]) + "\n"
    "o,a,beef,queue," + ",".join(["0", "4", *["0"] * 1438]) + "\n"
)


@pytest.fixture
def written(tmp_path):
    """Writes a file, and gives its path."""

    def write(text):
        path = tmp_path / "counts.csv"
        path.write_text(text)
        return path

    return write


def test_counts_are_spread_inside_their_interval(written):
    """As many requests as were counted, anywhere in their minute, seeded, and it is said."""
    path = written("minute,requests\n0,3\n1,0\n2,2\n")
    workload = read(path, service=2, seed=1)

    assert [0, 0, 0, 2, 2] == [int(came // 60) for came in workload.arrivals]
    assert 5 == len(set(workload.arrivals))
    assert (
        "counts per 60 s, inside of which arrivals were spread uniformly; service times are always 2, in seconds"
        == (workload.modelled)
    )
    assert list(workload) == list(read(path, service=2, seed=1))
    assert list(workload) != list(read(path, service=2, seed=2))


def test_one_of_several_apps_is_read_by_name(written):
    """A column is an app, read alone or with the others to the same requests."""
    path = written(COUNTS)
    apps = read_apps(path, service="exponential:2")

    assert ["chat", "code"] == list(apps)
    assert list(apps["code"]) == list(read(path, app="code", service="exponential:2"))
    assert [1, 1, 1, 2] == [int(came // 60) for came in apps["code"].arrivals]


def test_dates_and_times_give_the_interval(written):
    """Rows five minutes apart are intervals of five minutes; a row that is missing leaves a gap; second 0 is known."""
    workload = read(
        written("timestamp,value\n2014-04-10 00:04:00,1.0\n2014-04-10 00:09:00,2.0\n2014-04-10 00:19:00,3\n"), service=1
    )

    assert [0, 1, 1, 3, 3, 3] == [int(came // 300) for came in workload.arrivals]
    assert 1397088240.0 == workload.start


def test_azure_functions_are_read_as_published(written):
    """A row is a function, a column a minute of the day; the beginning of a hash will do."""
    workload = read(written(FUNCTIONS), app="f0", service=1)

    assert [0, 0, 1439] == [int(came // 60) for came in workload.arrivals]
    assert ["f00d", "beef"] == list(read_apps(written(FUNCTIONS), service=1))


@pytest.mark.parametrize(
    ("text", "arguments", "told"),
    [
        (COUNTS, {}, "has 2 apps (chat, code): say which by app, or read each by read_apps"),
        (COUNTS, {"app": "cod"}, "app 'cod' is not one of chat, code; did you mean 'code'?"),
        (COUNTS + "2,1,1\n", {"app": "chat"}, "line 5: minute: '2' is not after the row before"),
        (COUNTS + "3,-1,1\n", {"app": "chat"}, "line 5: chat: '-1' is not a whole number of requests"),
        (COUNTS + "3,1.5,1\n", {"app": "chat"}, "line 5: chat: '1.5' is not a whole number of requests"),
        (COUNTS + "3\n", {"app": "chat"}, "line 5: chat: '' is not a whole number of requests"),
        (
            COUNTS + "soon,1,1\n",
            {"app": "chat"},
            "line 5: 'soon' is neither a number of at least 0 nor a date and time",
        ),
        (COUNTS + "99999999,1,1\n", {"app": "chat"}, "is not after the row before, by up to 366 days"),
        ("minute,a\n0,0\n", {}, "has no requests"),
        ("minute,a\n", {}, "has no requests"),
        (
            "minute,a\n0,999999999\n",
            {},
            "line 2: a: '999999999' is not a whole number of requests from 0 to 20,000,000",
        ),
        ("timestamp,a\n5,1\n", {}, "one row doesn't say how long its interval is"),
        (
            "when,a\n5,1\n",
            {"kind": "counts"},
            "line 1: the first of several columns must be called one of second, minute",
        ),
        (FUNCTIONS.splitlines()[0] + "\n", {}, "has no requests"),
        (FUNCTIONS, {}, "has several functions, such as f00d and beef: say which by app"),
        (FUNCTIONS, {"app": "cafe"}, "no HashFunction begins with 'cafe'"),
    ],
)
def test_what_is_wrong_is_one_line(written, text, arguments, told):
    """The file, the line where there is one, what was given, what is accepted."""
    with pytest.raises((ContractError, UnknownNameError)) as raised:
        read(written(text), service=1, **arguments)

    assert told in str(raised.value)


def test_counts_need_a_model_of_service_times(written):
    """Nothing in counts says how long requests take."""
    with pytest.raises(ContractError, match="doesn't say how long requests take"):
        read(written(COUNTS), app="chat")


def test_a_file_of_one_app_has_no_apps(written):
    """It says which kinds have several."""
    with pytest.raises(ContractError, match="is of the kind csv, which has one app; several are in azure-functions, "):
        read_apps(written("arrival_s,service_s\n1,1\n"))


def test_apps_of_no_file(tmp_path):
    """A path that isn't there is told in one line."""
    with pytest.raises(UnknownNameError, match="there is no such file"):
        read_apps(tmp_path / "none.csv")
