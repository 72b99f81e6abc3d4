"""The names by which traces were known before the simulator was there."""

from __future__ import annotations

from everai_autoscaler.simulator.reading import names as all_names
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.traces import Trace, load, names


def test_a_trace_is_a_workload():
    """What ``load`` gives is a ``Trace``, which is a ``Workload``."""

    assert Workload is Trace
    assert isinstance(load("azure_llm_code_2023"), Trace)


def test_the_names_are_those_of_what_ships():
    """``names`` lists what ships with the package."""

    assert all_names() == names()


def test_a_trace_is_a_load_of_a_virtual_target():
    """A trace gives when each request came, and the seconds that it takes, as ``VirtualTarget`` reads it."""

    assert (0.052, 0.714) == list(load("azure_llm_code_2023"))[1]
