"""Numbers and durations as Kubernetes and Go write them."""

from __future__ import annotations

import pytest

from everai_autoscaler.importing.metric import counts_requests
from everai_autoscaler.importing.quantity import parse_duration, parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(
            ("5", 5),
            ("0.5", 0.5),
            (".5", 0.5),
            ("-3", -3),
            ("1e3", 1000),
            ("500m", 0.5),
            ("3k", 3000),
            ("2Mi", 2 * 2**20),
        ),
        *(("7E", 7e18), ("250u", 0.00025), (" 4 ", 4), ("", None), ("4x", None), ("1e3k", None), ("nan", None)),
    ],
)
def test_a_quantity_is_a_number_with_a_suffix(text, number):
    """Decimal and binary suffixes; anything else is no quantity."""
    assert number == parse_quantity(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1m30s", 90), ("1.5h", 5400), ("250ms", 0.25), ("0", 0), ("90", None), ("", None), ("1d", None)],
)
def test_a_duration_is_numbers_with_units(text, seconds):
    """Hours, minutes, seconds and milliseconds; a number alone is no duration, but 0 is."""
    assert seconds == parse_duration(text)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("num_requests_waiting", True),
        ("vllm:num_requests_running", True),
        ("queueLength", True),
        ("concurrency", True),
        ("jobs-pending", True),
        ("http_requests_per_second", False),
        ("request_rate", False),
        ("request_duration_seconds", False),
        ("queue_age", False),
        ("gpu_utilization", False),
        ("DCGM_FI_DEV_GPU_UTIL", False),
    ],
)
def test_a_name_says_whether_it_counts_requests(name, counts):
    """A number of requests, tasks or messages does; a rate, a time or a share doesn't."""
    assert counts == counts_requests(name)
