"""The traces that ship with the package."""

from __future__ import annotations

import math

import pytest

from everai_autoscaler.simulator.catalogue import SHIPPED
from everai_autoscaler.simulator.reading import names, read


@pytest.mark.parametrize(
    ("name", "rows", "span", "mean_service", "licence", "cited"),
    [
        ("azf_onoff_fn5_14d", 54259, 1209600, 7.9, "CC-BY-4.0", "ATC 2020"),
        ("azure_llm_code_2023", 8819, 3436, 1.24, "CC-BY-4.0", "Splitwise"),
        ("azure_llm_conv_2023", 19366, 3502, 7.23, "CC-BY-4.0", "Splitwise"),
        ("mooncake_conv_fast25", 12031, 3540, 12.97, "Apache-2.0", "FAST 2025"),
        ("servegen_mmimage_24h", 57577, 86400, 4.4, "Apache-2.0", "ServeGen"),
        ("servegen_r1_24h", 43126, 86400, 50.7, "Apache-2.0", "ServeGen"),
    ],
)
def test_the_shipped_traces_are_what_their_page_says(name, rows, span, mean_service, licence, cited):
    """Rows, span and mean service time are those of the table, and source and licence are named."""
    trace = read(name)

    assert rows == len(trace)
    assert math.isclose(span, trace.span, rel_tol=0.002)
    assert math.isclose(mean_service, trace.mean_service, rel_tol=0.01)
    assert licence == trace.licence
    assert cited in trace.source
    assert "service times are" in trace.modelled


def test_every_name_is_in_the_table():
    """What is listed is there, and its page in the folder names it."""
    page = (SHIPPED["azure_llm_code_2023"].path.parent / "README.md").read_text("utf-8")

    assert sorted(SHIPPED) == names()
    assert [] == [name for name in names() if f"`{name}`" not in page]
