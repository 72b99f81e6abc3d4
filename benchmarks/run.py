"""Measures this checkout against its predecessor, and prints a table of ratios.

``python benchmarks/run.py [--quick] [--predecessor PYTHON] [-o FILE] [--page FILE]`` makes the environments itself, and
measures both sides in turn, A B A B, in fresh processes. README.md beside this file says what is measured and how.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
CHECKOUT = HERE.parent
CACHE = HERE / ".environments"
PREDECESSOR = ("everai-builtin-autoscaler==0.1.52", "everai-autoscaler==0.1.23")
SIZES = (1, 10, 100, 1_000, 10_000, 100_000)
QUICK_SIZES = (1, 10, 1_000, 10_000)
LARGEST = 100_000

WIRE_AIM, LARGE_WIRE_AIM, DECIDE_AIM, MEMORY_AIM, FLAT_AIM = 1.5, 2.0, 4.0, 1.0, 1.25
LARGE = 1_000
PIPELINE_AIM, WRAPPED_AIM, DEMAND_AIM, IMPORT_AIM = 30e-6, 4, 200e-6, 0.030


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    ours: str
    peer: str
    ratio: str
    aim: str
    met: str


@dataclass(frozen=True)
class Plan:
    """How thoroughly to measure."""

    sizes: Sequence[int]
    pairs: int
    starts: int
    budget: float


def main() -> int:
    """Make the environments, measure, and write what was asked for."""
    parser = argparse.ArgumentParser(description="Measure this checkout against its predecessor.")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and pairs: a first impression")
    parser.add_argument("--predecessor", metavar="PYTHON", help="a Python that has the predecessor installed")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write the rows as JSON, too")
    parser.add_argument("--page", metavar="FILE", type=Path, help="write the page of the documentation, too")
    options = parser.parse_args()
    plan = Plan(QUICK_SIZES, 3, 7, 0.1) if options.quick else Plan(SIZES, 7, 31, 0.3)

    ours = our_environment()
    peer = Path(options.predecessor) if options.predecessor else predecessor()
    newest = predecessor_on_newest_pydantic(ours)
    sides = {"ours": ours, "predecessor": peer} | ({"predecessor, newest pydantic": newest} if newest else {})
    versions = {name: measure(python, "versions") for name, python in sides.items()}

    rows = list(measured_rows(plan, ours, peer, newest))
    print(table(rows))
    if options.output:
        report = {"versions": versions, "machine": machine(), "rows": [asdict(row) for row in rows]}
        options.output.write_text(json.dumps(report, indent=2) + "\n")
    if options.page:
        options.page.write_text(page(rows, versions, quick=options.quick))
    return 0


# -- environments -----------------------------------------------------------------------------------------------------


def our_environment() -> Path:
    """This checkout as a wheel, with what the command line needs."""
    python = environment("ours")
    say("installs this checkout")
    pip(python, f"{CHECKOUT}[cli]", "--upgrade")
    pip(python, str(CHECKOUT), "--force-reinstall", "--no-deps")
    return python


def predecessor() -> Path:
    """The predecessor from the package index, with the dependencies that it asks for."""
    python = environment("predecessor")
    pip(python, *PREDECESSOR)
    return python


def predecessor_on_newest_pydantic(ours: Path) -> Path | None:
    """The predecessor's code on the pydantic that this checkout runs on; ``None`` where it doesn't run there."""
    python = environment("predecessor-newest-pydantic")
    newest = measure(ours, "versions")["pydantic"]
    pip(python, "--no-deps", *PREDECESSOR)
    pip(python, f"pydantic=={newest}", "crontab", "pytz")
    try:
        measure(python, "versions")
        measure(python, "decide", 1)
    except subprocess.CalledProcessError:
        say("the predecessor doesn't run on the newest pydantic: leaves that out")
        return None
    return python


def environment(name: str) -> Path:
    """The Python of the virtual environment *name*, which is made on first use."""
    folder = CACHE / name
    python = folder / "bin" / "python"
    if not python.exists():
        say(f"makes the environment {name}")
        CACHE.mkdir(exist_ok=True)
        (CACHE / ".gitignore").write_text("*\n")
        venv.create(folder, with_pip=True, clear=True)
    return python


def pip(python: Path, *arguments: str) -> None:
    """Install *arguments*; what is there already stays."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr, stderr=subprocess.DEVNULL)


# -- measuring --------------------------------------------------------------------------------------------------------


def measure(python: Path, what: str, workers: int = 1, budget: float = 0.1) -> dict[str, Any]:
    """What worker.py says in a fresh process of *python*."""
    command = [str(python), "-I", str(HERE / "worker.py"), what, str(snapshot(workers)), str(workers), str(budget)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=CACHE)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def snapshot(workers: int) -> Path:
    """The file with the snapshot of that many *workers*.

    It is written by a process of its own: a large one in this process would show in the peak memory of its children.
    """
    path = CACHE / f"snapshot-{workers}.json"
    if not path.exists():
        subprocess.run([sys.executable, str(HERE / "snapshots.py"), str(workers), str(path)], check=True)
    return path


def in_turn(sides: Sequence[Callable[[], float]], count: int) -> list[tuple[float, ...]]:
    """What the *sides* say, asked in turn, *count* times each."""
    return [tuple(side() for side in sides) for _ in range(count)]


def start(python: Path, *arguments: str) -> float:
    """CPU seconds of a fresh process."""
    command = [str(python), "-I", *arguments]
    null = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1)]
    child = os.posix_spawn(command[0], command, os.environ, file_actions=null)
    _, status, used = os.wait4(child, 0)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
    return used.ru_utime + used.ru_stime


def measured_rows(plan: Plan, ours: Path, peer: Path, newest: Path | None) -> Iterator[Row]:
    """All lines of the table."""
    yield from whole_way(plan, ours, peer, newest)
    yield from peaks(plan, ours, peer, newest)
    yield from decisions(plan, ours, peer)
    yield pipeline(plan, ours)
    yield wrapped(plan, ours)
    yield demand(plan, ours)
    yield from imports(plan, ours, peer)


def whole_way(plan: Plan, ours: Path, peer: Path, newest: Path | None) -> Iterator[Row]:
    """Snapshot JSON to decision to JSON, and how its cost grows."""
    per_worker: dict[int, float] = {}
    for size in plan.sizes:
        pythons = [ours, peer, *([newest] if newest else [])]
        found = pairs(plan, pythons, "wire", size, "seconds")
        times = [median(side) for side in zip(*found, strict=True)]
        per_worker[size] = times[0] / size
        label = f"snapshot JSON to decision to JSON, {counted(size)}"
        peers, aim = found_ratios(found, 1), LARGE_WIRE_AIM if size >= LARGE else WIRE_AIM
        yield Row(label, in_time(times[0]), in_time(times[1]), spread(peers), at_least(aim), met(median(peers) >= aim))
        if newest:
            yield alone(f"the same, the predecessor on our pydantic, {counted(size)}", times, found_ratios(found, 2))
    large = {size: cost for size, cost in per_worker.items() if size >= LARGE}
    if len(large) > 1:
        growth = max(large.values()) / min(large.values())
        steps = ", ".join(f"{size:,}: {in_time(cost)}" for size, cost in large.items())
        aim = f"flat: the highest at most {FLAT_AIM} times the lowest"
        yield Row("the same, cost per worker from 1,000 up", steps, "", f"{growth:.2f}", aim, met(growth <= FLAT_AIM))


def alone(label: str, times: Sequence[float], ratios: Sequence[float]) -> Row:
    """What is ours, and not the newest pydantic's."""
    return Row(label, in_time(times[0]), in_time(times[2]), spread(ratios), "", "shows what is ours")


def peaks(plan: Plan, ours: Path, peer: Path, newest: Path | None) -> Iterator[Row]:
    """Peak memory over what the imports took."""
    pythons = [ours, peer, *([newest] if newest else [])]
    found = pairs(plan, pythons, "memory", LARGEST, "megabytes", count=min(3, plan.pairs))
    sizes = [median(side) for side in zip(*found, strict=True)]
    ratios = found_ratios(found, 1)
    label = f"peak memory of it, {counted(LARGEST)}"
    aim = "no more: " + at_least(MEMORY_AIM)
    yield Row(label, in_memory(sizes[0]), in_memory(sizes[1]), spread(ratios), aim, met(median(ratios) >= MEMORY_AIM))
    if newest:
        label = f"the same, the predecessor on our pydantic, {counted(LARGEST)}"
        yield Row(
            label, in_memory(sizes[0]), in_memory(sizes[2]), spread(found_ratios(found, 2)), "", "shows what is ours"
        )


def decisions(plan: Plan, ours: Path, peer: Path) -> Iterator[Row]:
    """``decide`` alone, both scalers."""
    for what, name in (("decide", "simple"), ("decide_free_worker", "free-worker")):
        for size in [size for size in plan.sizes if size >= 10]:
            found = pairs(plan, [ours, peer], what, size, "seconds")
            mine, theirs = (median(side) for side in zip(*found, strict=True))
            ratios, aimed = found_ratios(found, 1), size >= LARGE
            verdict = met(median(ratios) >= DECIDE_AIM) if aimed else "no aim below 1,000"
            aim = at_least(DECIDE_AIM) if aimed else ""
            yield Row(f"{name} decides, {counted(size)}", in_time(mine), in_time(theirs), spread(ratios), aim, verdict)


def pipeline(plan: Plan, ours: Path) -> Row:
    """What the pipeline costs over the bare policy."""
    label = "the pipeline, record off, over the bare policy, 10 workers"
    sides = [partial(seconds, ours, what, plan.budget) for what in ("pipeline", "decide")]
    say(label)
    found = in_turn(sides, plan.pairs)
    whole, bare = (median(side) for side in zip(*found, strict=True))
    over = [one - other for one, other in found]
    return Row(
        label,
        in_time(whole),
        f"{in_time(bare)} (the bare policy)",
        f"{in_time(median(over))} more ({in_time(min(over))} to {in_time(max(over))})",
        f"at most {in_time(PIPELINE_AIM)} more",
        met(median(over) <= PIPELINE_AIM),
    )


def wrapped(plan: Plan, ours: Path) -> Row:
    """How many times as much as the bare policy two policies take that are combined and have a pause."""
    label = "cooldown(max(simple, free-worker)), over simple alone, 10 workers"
    sides = [partial(seconds, ours, what, plan.budget) for what in ("wrapped", "decide")]
    say(label)
    found = in_turn(sides, plan.pairs)
    whole, bare = (median(side) for side in zip(*found, strict=True))
    times = [one / other for one, other in found]
    aim = f"at most {WRAPPED_AIM:g} times"
    own = f"{in_time(bare)} (simple alone)"
    return Row(label, in_time(whole), own, spread(times), aim, met(median(times) <= WRAPPED_AIM))


def demand(plan: Plan, ours: Path) -> Row:
    """What a decision of the scaler takes that remembers most."""
    label = "demand decides, its windows full, 100 workers"
    sides = [partial(seconds, ours, what, plan.budget, 100) for what in ("demand", "decide")]
    say(label)
    found = in_turn(sides, plan.pairs)
    whole, bare = (median(side) for side in zip(*found, strict=True))
    times = [one / other for one, other in found]
    aim = f"at most {in_time(DEMAND_AIM)}"
    return Row(label, in_time(whole), f"{in_time(bare)} (simple)", spread(times), aim, met(whole <= DEMAND_AIM))


def seconds(python: Path, what: str, budget: float, workers: int = 10) -> float:
    """What *python* takes with so many workers."""
    return float(measure(python, what, workers, budget)["seconds"])


def imports(plan: Plan, ours: Path, peer: Path) -> Iterator[Row]:
    """What it costs to start."""
    bare = ("-c", "pass")
    for label, arguments, aim in (
        ("import everai_autoscaler, over bare Python", ("-c", "import everai_autoscaler"), IMPORT_AIM),
        ("everai-autoscaler --help, over bare Python", (str(ours.parent / "everai-autoscaler"), "--help"), None),
    ):
        say(label)
        try:
            start(ours, *arguments)
        except subprocess.CalledProcessError:
            yield Row(label, "", "", "", "", "not measured: it doesn't run")
            continue
        found = in_turn([partial(start, ours, *arguments), partial(start, ours, *bare)], plan.starts)
        mine, none = (median(side) for side in zip(*found, strict=True))
        over = [one - other for one, other in found]
        yield Row(
            label,
            in_time(mine),
            f"{in_time(none)} (bare Python)",
            f"{in_time(median(over))} more",
            f"at most {in_time(aim)} more" if aim else "",
            met(median(over) <= aim) if aim else "no aim",
        )
    label, least = "import everai_autoscaler.builtin", 1.0
    say(label)
    command = ("-c", "import everai_autoscaler.builtin")
    found = in_turn([partial(start, ours, *command), partial(start, peer, *command)], plan.starts)
    mine, theirs = (median(side) for side in zip(*found, strict=True))
    ratios = found_ratios(found, 1)
    yield Row(
        label,
        in_time(mine),
        in_time(theirs),
        spread(ratios),
        f"no slower: {at_least(least)}",
        met(median(ratios) >= least),
    )


def pairs(
    plan: Plan, pythons: Sequence[Path], what: str, size: int, key: str, count: int | None = None
) -> list[tuple[float, ...]]:
    """What each of *pythons* measures, in turn; all have to give the same answer."""
    answers: set[str] = set()
    found = []
    count = count or (plan.pairs if size < LARGEST else min(plan.pairs, 5))
    for number in range(count):
        say(f"{what}, {counted(size)}, {number + 1} of {count}")
        measured = [measure(python, what, size, plan.budget) for python in pythons]
        answers.update(one["answer"] for one in measured)
        found.append(tuple(one[key] for one in measured))
    if len(answers) > 1:
        raise SystemExit(
            f"{what} with {counted(size)}: the sides don't give one answer, so their times can't be compared"
        )
    return found


def found_ratios(found: Sequence[tuple[float, ...]], peer: int) -> list[float]:
    """For each turn, how many times as much the *peer* took as we."""
    return [turn[peer] / turn[0] for turn in found]


# -- words ------------------------------------------------------------------------------------------------------------


def say(what: str) -> None:
    """A line of progress."""
    print(f"[{time.strftime('%H:%M:%S')}] {what}", file=sys.stderr)


def counted(workers: int) -> str:
    """So many workers."""
    return "1 worker" if workers == 1 else f"{workers:,} workers"


def in_time(seconds: float) -> str:
    """A time in the unit that fits."""
    for unit, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if abs(seconds) >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds * 1e6:.2g} µs"


def in_memory(megabytes: float) -> str:
    """So many mebibytes."""
    return f"{megabytes:.0f} MiB"


def spread(ratios: Sequence[float]) -> str:
    """The median, and from where to where."""
    return f"**{median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"


def at_least(ratio: float) -> str:
    """An aim for a ratio."""
    return f"{ratio:g} or more"


def met(reached: bool) -> str:  # noqa: FBT001 - it is what is said
    """The verdict in words."""
    return "met" if reached else "missed"


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    head = Row("what", "ours", "predecessor", "ratio: median (from .. to)", "aim", "reached")
    lines = [[*asdict(row).values()] for row in (head, *rows)]
    lines.insert(1, ["---"] * 6)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def machine() -> str:
    """The machine in words."""
    model = ""
    with contextlib.suppress(OSError):
        named = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        model = f" of an {named[0].split(':')[1].strip()}" if named else ""
    return f"{os.cpu_count()} cores{model}, {platform.system()} on {platform.machine()}"


def page(rows: Sequence[Row], versions: dict[str, dict[str, Any]], *, quick: bool) -> str:
    """The page of the documentation."""
    today = dt.datetime.now(tz=dt.UTC).date()
    missed = [row.what for row in rows if row.met == "missed"]
    listed = "\n".join(f"* {what}" for what in missed) or "None."
    sides = "\n".join(
        f"* {name}: everai-autoscaler {found['everai-autoscaler']}, pydantic {found['pydantic']}, "
        f"Python {found['python']}"
        for name, found in versions.items()
    )
    command = f"python benchmarks/run.py {'--quick ' if quick else ''}--page docs/benchmarks.md"
    return PAGE.format(date=today, machine=machine(), command=command, table=table(rows), missed=listed, sides=sides)


PAGE = """# Benchmarks

Measured on {date} ({machine}) by

```bash
{command}
```

which wrote this page. It makes the environments itself and measures the sides in turn, A B A B, in fresh processes:

{sides}

A ratio says how many times as much the predecessor takes: above 1, this package is faster or needs less memory. It is
the median over the pairs, with the smallest and the largest. Times are CPU time of the best batch in a process. The
predecessor prints at each decision. Its standard output is the null device here, but its times include the cost of
printing, because every client pays it. Lines that say "on our pydantic" run the predecessor's code on the pydantic that
this package runs on: that ratio is due to this package, and the rest of the gain to the newest pydantic.

The aims leave room for plain code. An earlier version aimed higher (2.5 times as fast from JSON to JSON, deciding 5
times as fast, half the memory). It needed its own reader of large snapshots, which was only faster beyond 10,000
workers, and results assembled without pydantic. Both are gone: snapshots and results are plain pydantic now.

{table}

## Aims that are missed

{missed}

What is measured, and how: `benchmarks/README.md`.
"""

if __name__ == "__main__":
    raise SystemExit(main())
