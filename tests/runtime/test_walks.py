"""The two walks that users are shown, as they do them: real workers, real load from ``ab``, the real command line."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pytest
from attrs import Factory, define, frozen

CONFTEST = sys.modules[next(name for name in sys.modules if name.endswith("runtime.conftest"))]
EXAMPLE = Path(__file__).parents[2] / "examples" / "get_started"
COMMAND = str(Path(sys.executable).parent / "everai-autoscaler")
CONFIGMAP = "get-start-configmap"
PATIENCE = 60.0
"""Seconds beyond what a walk takes, on a machine that has much else to do."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("ab") is None, reason="ab is not installed: apt-get install apache2-utils"),
    pytest.mark.skipif(not EXAMPLE.exists(), reason="the example isn't here"),
]


@frozen
class Pace:
    """How fast a walk is gone through; seconds."""

    interval: float
    answer: float
    """What an answer takes. The interval is a multiple of it, so that no answer ends just when a decision is made."""
    load: int
    """For how long there is load at least; it goes on until the table has been seen."""
    idle: int
    """What is in the ConfigMap as max_idle_time."""
    tolerance: float
    """How much later than its moment a decision may come."""


STEADY = {"free-worker": (4, 1, 0), "queue": (2, 0, 2)}
"""Under load in the end: how many are busy, how many free, how many wait."""
SHORT = Pace(interval=3, answer=3, load=18, idle=3, tolerance=1.2)
TRUE = Pace(interval=20, answer=10, load=120, idle=60, tolerance=1.0)


@define
class Walk:
    """What was seen on the way. Samples are what each decision saw, tables what the commands printed."""

    pace: Pace
    before: list[dict] = Factory(list)
    under_load: list[dict] = Factory(list)
    """The workers when all have come."""
    everyone: list[dict] = Factory(list)
    afterwards: list[dict] = Factory(list)
    samples: list[dict] = Factory(list)
    """From the beginning of the load to its end."""
    table: str = ""
    """The list that the walk is shown by, under load."""
    last_table: str = ""
    load: str = ""
    """What ab says in the end."""
    status: int | None = None
    """With which the runtime ended."""
    left_over: list[int] = Factory(list)
    """Workers' processes that were there after it."""


@pytest.fixture(
    scope="module", params=[pytest.param(SHORT, id="short"), pytest.param(TRUE, id="true", marks=pytest.mark.soak)]
)
def walks(request, tmp_path_factory):
    """Both walks, gone through side by side."""
    names = ("free-worker", "queue")
    with ThreadPoolExecutor() as both:
        going = {name: both.submit(walk, name, request.param, tmp_path_factory.mktemp(name)) for name in names}
    return {name: gone.result() for name, gone in going.items()}


@pytest.fixture
def free_worker(walks):
    return walks["free-worker"]


@pytest.fixture
def queue(walks):
    return walks["queue"]


def walk(name, pace, home):
    """Do what the page says."""
    state = home / "state"
    example = shutil.copytree(EXAMPLE, home / "get_started")
    manifest = example / f"{name}.yaml"
    manifest.write_text(manifest.read_text().replace("SECONDS: 10", f"SECONDS: {pace.answer}"))
    values = {
        "min_workers": 1,
        "max_workers": 5,
        "min_free_workers": 1,
        "max_queue_size": 2,
        "scale_up_step": 1,
        "max_idle_time": pace.idle,
    }
    literals = [word for key, value in values.items() for word in ("--from-literal", f"{key}={value}")]
    ask(state, "configmap", "create", CONFIGMAP, *literals)
    with (home / "run.log").open("w") as log:
        running = subprocess.Popen(
            [
                COMMAND,
                "run",
                manifest,
                "--port=0",
                "--admin-port=0",
                f"--interval={pace.interval}",
                f"--state-dir={state}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            return gone_through(name, Walk(pace), state, running)
        except BaseException as error:
            error.add_note((home / "run.log").read_text()[-4000:])
            raise
        finally:
            running.kill()
            running.wait()
            for left in CONFTEST.of_workers(state):
                left.kill()


def gone_through(name, seen, state, running):
    pace = seen.pace
    urls = until(lambda: told(state), pace.interval, running)
    admin = urls["admin_url"]
    seen.before = until(
        lambda: [one for one in get(admin, "workers") if one["detail_status"] == "FREE"], pace.interval, running
    )
    begins = wait_for_a_moment_between(get(admin, "status")["tick"], pace)
    at_most = f"{pace.load + 2 * PATIENCE:.0f}"
    load = subprocess.Popen(
        ["ab", "-s", "120", "-t", at_most, "-c", "4", "-n", "1000000", f"{urls['app_url']}/sse"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        # As soon as it is so, since a command takes its time to start on a machine that is busy.
        until(lambda: so_far(admin, begins)[-1:] == [STEADY[name]], 5 * pace.interval, running)
        seen.under_load = get(admin, "workers")
        seen.table = table_of(name, state)
        until(lambda: so_far(admin, begins)[-2:] == 2 * [STEADY[name]], 5 * pace.interval, running)
        ends = wait_for_a_moment_within_a_second(begins + pace.load)
        load.send_signal(signal.SIGINT)
        seen.load, _ = load.communicate(timeout=PATIENCE)
    finally:
        load.kill()
        load.wait()
    seen.samples = [one for one in get(admin, f"samples?since={begins}") if begins < one["at"] < ends]
    until(lambda: len(get(admin, "workers")) == 1, pace.idle + 4 * pace.interval, running)
    assert time.time() - ends >= pace.idle
    seen.afterwards = get(admin, "workers")
    seen.everyone = get(admin, "workers?ended=1")
    seen.last_table = ask(state, "worker", "list")
    running.send_signal(signal.SIGINT)
    seen.status = running.wait(timeout=PATIENCE)
    seen.left_over = [one["pid"] for one in seen.everyone if lives(one["pid"])]
    return seen


def table_of(name, state):
    """What the command prints; once more where it came between an answer and its client's next request."""
    words, facts = {
        "free-worker": (("worker", "list"), {"BUSY": 4, "FREE": 1}),
        "queue": (("app", "queue"), {"WorkerBusy": 2}),
    }[name]
    for _ in range(3):
        table = ask(state, *words)
        if all(table.count(word) == number for word, number in facts.items()):
            break
    return table


def so_far(admin, begins):
    return [counts(one) for one in get(admin, f"samples?since={begins}")]


def told(state):
    path = state / "runtime.json"
    return json.loads(path.read_text()) if path.exists() else None


def until(fact, seconds, running):
    """What *fact* gives as soon as it gives something."""
    ends = time.monotonic() + seconds + PATIENCE
    while time.monotonic() < ends:
        if running.poll() is not None:
            raise AssertionError(f"the runtime ended with status {running.returncode}")
        if found := fact():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not so within {seconds + PATIENCE:g} s")


def wait_for_a_moment_between(tick, pace):
    """Sleep until half an answer before a decision: none then ends when one is made."""
    now, lead = time.time(), pace.answer / 2
    periods = max(1, math.ceil((now + lead - tick["at"]) / pace.interval))
    moment = tick["at"] + periods * pace.interval - lead
    time.sleep(moment - now)
    return moment


def wait_for_a_moment_within_a_second(soonest):
    """Sleep until no second ends soon: times of service are whole seconds, and all are to have the same."""
    now = time.time()
    moment = math.ceil(max(now, soonest) - 0.2) + 0.2
    time.sleep(moment - now)
    return moment


def get(admin, what):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{admin}/api/{what}", timeout=PATIENCE) as answered:
        return json.load(answered)


def ask(state, *words):
    done = subprocess.run([COMMAND, *words, "--state-dir", state], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)

    return done.stdout


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def counts(sample):
    return sample["busy"], sample["free"], sum(sample["waiting"].values())


def shown(table):
    """The *table* with letters for what differs from walk to walk: a worker's name, and moments."""
    table = re.sub(r"\b[2-9A-HJ-NP-Za-km-z]{22}\b", "X" * 22, table)
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", "YYYY-MM-DDTHH:MM:SS+0000", table)


def test_before_the_load_there_is_one_free_worker(free_worker, queue):
    """The minimum is one, and nobody wants more."""
    assert ["FREE"] == [one["detail_status"] for one in free_worker.before]
    assert ["FREE"] == [one["detail_status"] for one in queue.before]


def test_workers_come_one_a_period(free_worker):
    """The first decision under load starts the second worker, and each after it one more, until there are five."""
    pace = free_worker.pace
    _first, *others = [one["created_at"] for one in free_worker.under_load]
    spacing = [later - earlier for earlier, later in pairwise(others)]

    assert 4 == len(others)
    assert [pytest.approx(pace.interval, abs=pace.tolerance)] * 3 == spacing


def test_four_are_busy_and_one_is_free(free_worker):
    """So says worker list, in the platform's very form."""
    expected = """\
        ID                      STATUS    DETAIL_STATUS    CREATED_AT                DELETED_AT
        ----------------------  --------  ---------------  ------------------------  ------------
        XXXXXXXXXXXXXXXXXXXXXX  RUNNING   BUSY             YYYY-MM-DDTHH:MM:SS+0000
        XXXXXXXXXXXXXXXXXXXXXX  RUNNING   BUSY             YYYY-MM-DDTHH:MM:SS+0000
        XXXXXXXXXXXXXXXXXXXXXX  RUNNING   BUSY             YYYY-MM-DDTHH:MM:SS+0000
        XXXXXXXXXXXXXXXXXXXXXX  RUNNING   BUSY             YYYY-MM-DDTHH:MM:SS+0000
        XXXXXXXXXXXXXXXXXXXXXX  RUNNING   FREE             YYYY-MM-DDTHH:MM:SS+0000
    """

    assert dedent(expected) == shown(free_worker.table)


def test_it_stays_so_while_the_load_lasts(free_worker):
    """Each decision from then on sees the same, and nobody is started or removed."""
    seen = [counts(sample) for sample in free_worker.samples]
    reached = seen.index(STEADY["free-worker"])

    assert [STEADY["free-worker"]] * len(seen[reached:]) == seen[reached:]
    assert len(seen[reached:]) >= 2
    assert 5 == len(free_worker.everyone)


def test_two_are_busy_and_two_wait(queue):
    """Two is not more than two: from the second decision on it is so, and stays so."""
    first, *others = [counts(sample) for sample in queue.samples]

    assert (1, 0, 3) == first
    assert [STEADY["queue"]] * len(others) == others
    assert len(others) >= 4
    assert 2 == len(queue.everyone)


def test_the_queue_is_listed(queue):
    """So says app queue, in the platform's very form; and why they wait."""
    expected = """\
          QUEUE_INDEX  CREATE_AT                 QUEUE_REASON
        -------------  ------------------------  --------------
                    0  YYYY-MM-DDTHH:MM:SS+0000  WorkerBusy
                    1  YYYY-MM-DDTHH:MM:SS+0000  WorkerBusy
    """

    assert dedent(expected) == shown(queue.table)


@pytest.mark.parametrize("name", ["free-worker", "queue"])
def test_afterwards_the_first_is_alone(walks, name):
    """The others are gone, when they have been idle for long enough; the one that was there before stays."""
    gone = walks[name]
    expected = """\
        ID                      STATUS    DETAIL_STATUS    CREATED_AT                DELETED_AT
        ----------------------  --------  ---------------  ------------------------  ------------
        XXXXXXXXXXXXXXXXXXXXXX  RUNNING   FREE             YYYY-MM-DDTHH:MM:SS+0000
    """

    assert [one["id"] for one in gone.before] == [one["id"] for one in gone.afterwards]
    assert dedent(expected) == shown(gone.last_table)
    assert gone.before[0]["id"] in gone.last_table


@pytest.mark.parametrize("name", ["free-worker", "queue"])
def test_every_request_is_answered(walks, name):
    """Whatever ab counts was answered whole and well; when it is ended it hangs up on the others."""
    gone = walks[name]
    answered = int(re.search(r"Complete requests: +(\d+)", gone.load)[1])
    failed = int(re.search(r"Failed requests: +(\d+)", gone.load)[1])
    served_well = sum(one["successes"] for one in gone.everyone)

    assert answered >= 6
    assert 0 == failed
    assert "Non-2xx" not in gone.load
    assert answered <= served_well <= answered + 4


@pytest.mark.parametrize("name", ["free-worker", "queue"])
def test_nothing_is_left_behind(walks, name):
    """Ctrl-C ends the runtime with status 0, and every worker with it."""
    assert 0 == walks[name].status
    assert [] == walks[name].left_over
