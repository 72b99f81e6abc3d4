"""Pictures as files: the same bytes for the same run, nothing to fetch, nothing to run but their own script."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import islice

import pytest
from attrs import evolve

from everai_autoscaler import Decider, loop
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator.optimum import Optimum
from everai_autoscaler.simulator.plots import html_of, plot_run
from everai_autoscaler.simulator.plots.run_picture import run_scene
from everai_autoscaler.simulator.real import real_run
from everai_autoscaler.simulator.simulate import simulate
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.testing import Clients, VirtualTarget

HOSTILE = "</script><img src=x onerror=alert(1)>\u2028\x1b[2J$x$ & \"'"


def written(run, path, **how):
    plot_run(run, path, **how)
    return path.read_text("utf-8")


def words(scene):
    return " ".join(shape.text for shape in scene.shapes if hasattr(shape, "text"))


@pytest.fixture
def hostile(afternoon):
    """A run, all of whose words are an attack."""
    workload = Workload(HOSTILE, afternoon.workload.arrivals, afternoon.workload.services, modelled=HOSTILE)
    setting = evolve(afternoon.setting, scaler=HOSTILE, arguments={HOSTILE: HOSTILE}, assumed=(HOSTILE,))
    ticks = tuple(evolve(row, reasons=(HOSTILE, HOSTILE)) for row in afternoon.ticks)
    return evolve(afternoon, workload=workload, setting=setting, ticks=ticks)


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])


@pytest.mark.parametrize("ending", [".svg", ".html"])
@pytest.mark.parametrize("which", ["afternoon", "broken", "nobody", "single"])
def test_every_run_has_a_picture(which, ending, request, tmp_path):
    """Also one without requests, with a single one, and of a policy that fails; and twice the same."""
    run = request.getfixturevalue(which)

    assert written(run, tmp_path / f"a{ending}") == written(run, tmp_path / f"b{ending}")


def test_an_svg_is_xml_that_fetches_nothing(afternoon, tmp_path):
    """It stands alone: no link, no style sheet, no script."""
    text = written(afternoon, tmp_path / "run.svg")

    root = ET.fromstring(text)
    assert "{http://www.w3.org/2000/svg}svg" == root.tag
    assert not re.search(r"href|url\(|<script|<style|<image", text)


def test_a_page_fetches_nothing(afternoon, tmp_path):
    """Not one address but the name space of SVG, and a policy that forbids all else."""
    text = written(afternoon, tmp_path / "run.html")

    assert {"http://www.w3.org/2000/svg"} == set(re.findall(r"https?://[^\"' ]+", text))
    assert "default-src 'none'" in text


def test_hostile_words_stay_words(hostile, tmp_path):
    """What a trace, an argument or a policy says is never markup."""
    tags = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append((tag, dict(attrs)))

    Reader().feed(written(hostile, tmp_path / "run.html"))

    assert not [tag for tag, _ in tags if tag == "img"]
    assert 2 == sum(tag == "script" for tag, _ in tags)
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]


def test_hostile_words_are_valid_svg(hostile, tmp_path):
    """Control characters, brackets and quotes don't break it."""
    root = ET.fromstring(written(hostile, tmp_path / "run.svg"))

    assert "onerror" in "".join(root.itertext())


def test_a_page_has_each_decision_with_its_reasons(afternoon, tmp_path):
    """Every decision is there with what it saw, and its reasons in full."""
    data = data_of(written(afternoon, tmp_path / "run.html"))

    rows = data["ticks"]
    assert [row.at for row in afternoon.ticks] == rows["at"]
    assert [list(row.reasons) for row in afternoon.ticks] == [data["whys"][why] for why in rows["why"]]
    assert len(afternoon.requests) == sum(rows["came"])


def test_the_title_says_what_was_run_and_what_it_cost(afternoon):
    """Policy, arguments, trace, cold start, money, attainment and regret stand over the picture."""
    optimum = Optimum(bound=900.0, schedule=1000.0, fleet=((-30.0, 2), (60.0, 0)))
    said = words(run_scene(afternoon, optimum=optimum, slo=5.0))

    metrics = afternoon.metrics(5.0)
    for part in (
        "simple on 36 requests, with a cold start of 30 s",
        "max_workers=6",
        f"{metrics.cost:,.2f} at 2.5 an hour",
        "of 36 requests began within 5 s",
        f"{metrics.worker_seconds / 1000:.3g} times the best schedule",
        "most-recently-used",
        "W/c = 0.167",
        "closed loop",
        "seed 0",
    ):
        assert part in said


def test_a_failure_is_told_in_words(broken):
    """The picture of a policy that fails says so, and with what."""
    said = words(run_scene(broken))

    assert "The policy failed in" in said
    assert "<b>no</b> idea" in said


def test_a_run_of_totals_has_its_workers(tmp_path):
    """Where requests and decisions weren't kept, the picture has what there is, and says what it hasn't."""
    run = simulate("simple", [(i, 9) for i in range(50)], arguments={"max_workers": 5}, keep="totals")
    scene = run_scene(run)

    assert ["Requests that came in each 1 s", "Workers"] == [frame.name for frame in scene.frames]
    assert "What isn't drawn wasn't kept" in words(scene)
    assert written(run, tmp_path / "run.html")


def test_a_real_run_says_that_it_was_measured():
    """Out of records come workers, decisions and what was seen; no single request, and nothing assumed of the order."""
    target = VirtualTarget(cold_start=15, load=[Clients(4, service_time=10, start=5, stop=125)])
    decider = Decider("free-worker", {"max_workers": 5}, app="app")
    ticks = islice(loop.run(target, decider, clock=target.clock), 12)
    scene = run_scene(real_run([tick.decision.record() for tick in ticks]))

    names = [re.match(r"\w+", frame.name)[0] for frame in scene.frames]
    assert ["Demand", "Workers", "Decisions", "Queue"] == names
    assert "this was measured, not simulated" in words(scene)
    assert "how long each waited isn't known" in words(scene)
    assert "order" not in words(scene).split("Known:")[1].split("Demand")[0]


def test_a_notebook_shows_the_picture(afternoon):
    """It needs no script."""
    shown = html_of(afternoon)

    assert shown == afternoon._repr_html_()
    assert shown.startswith("<div")
    assert "<script" not in shown


def test_an_unknown_ending_says_which_there_are(afternoon, tmp_path):
    """One clear line."""
    with pytest.raises(ArgumentError, match=r"run\.jpeg' ends in '\.jpeg', not in one of \.html, \.png, \.svg"):
        plot_run(afternoon, tmp_path / "run.jpeg")


def test_png_is_deterministic(afternoon, tmp_path):
    """The same run gives the same bytes, without a date in them."""
    pytest.importorskip("matplotlib")
    for name in ("a", "b"):
        plot_run(afternoon, tmp_path / f"{name}.png")
    first = (tmp_path / "a.png").read_bytes()

    assert first == (tmp_path / "b.png").read_bytes()
    assert b"Matplotlib" not in first


def test_svg_and_html_need_no_matplotlib(tmp_path):
    """Only a PNG does, and without it the error says what to install."""
    script = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from everai_autoscaler.simulator.simulate import simulate\n"
        "from everai_autoscaler.simulator.plots import plot_run\n"
        "run = simulate('simple', [(0, 1)])\n"
        "plot_run(run, 'a.svg'); plot_run(run, 'a.html')\n"
        "try: plot_run(run, 'a.png')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert "MissingExtraError" in done.stdout
    assert "pip install 'everai-autoscaler[simulator]'" in done.stdout
