"""``check``: whether a scaler keeps the rules."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from everai_autoscaler.model import Factors
from everai_autoscaler.testing import snapshot, worker
from everai_autoscaler.testing.checks import CHECKS, fact_of, name_of

HASTY = '''
"""Removes everybody, at work or not."""
from attrs import define
from everai_autoscaler import AutoScaler, DecideResult, argument, hookimpl
from everai_autoscaler.model import ScaleDownAction

@define
class Hasty(AutoScaler):
    """Remove everybody."""

    max_workers: int = argument(9, ge=0)

    def decide(self, factors):
        gone = [ScaleDownAction(worker_id=one.worker_id) for one in factors.workers or ()]
        return DecideResult(max_workers=self.max_workers, actions=gone).because("saves money")

@hookimpl
def register_autoscalers():
    return {"hasty": Hasty}
'''


@pytest.fixture
def hasty(tmp_path):
    """A directory in which a distribution with a hasty scaler is installed."""
    (tmp_path / "plugin_hasty.py").write_text(HASTY)
    info = tmp_path / "plugin_hasty-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin-hasty\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[everai_autoscaler]\nhasty = plugin_hasty\n")
    return tmp_path


def test_a_good_scaler_passes_every_rule_in_the_table(run):
    """Each rule has a row with its fact and what came of it; those for what isn't declared say so."""
    result = run("check", "simple", "--examples", 5)

    rows = [line.split(None, 1) for line in result.stdout.splitlines()[2 : 2 + len(CHECKS)]]
    assert [name_of(check) for check in CHECKS] == [rule for rule, _ in rows]
    assert all(row.endswith(fact_of(check)) for check, (_, row) in zip(CHECKS, rows, strict=True))
    assert {"passed", "not"} >= {row.split()[0] for _, row in rows}
    assert "decides_in_time                       not asked" in result.stdout
    assert 0 == result.exit_code


def test_a_broken_rule_shows_the_snapshot_and_fails(run_beside, hasty):
    """Under the table stands the smallest snapshot that shows it, as code that makes that snapshot; the status is 1."""
    result = run_beside(hasty, "check", "hasty", "--examples", 40)
    output = result.stdout

    assert "removes_nobody_at_work                failed " in output
    assert "removes_nobody_at_work: Removes nobody who is busy" in output
    story = output.partition("\nremoves_nobody_at_work: ")[2]
    code = story.partition("factors = ")[2].partition("\n\ndecide(factors)")[0]
    made = eval(code, {"snapshot": snapshot, "worker": worker, "Factors": Factors})
    assert 1 == len(made.workers)
    assert "decide(factors): removes w1, which " in story
    assert (1, "") == (result.exit_code, result.stderr)


def test_json_has_the_snapshot_of_a_broken_rule(run_beside, hasty):
    """For programs: each rule with what came of it, and a snapshot that `decide` can be given."""
    result = run_beside(hasty, "check", "hasty", "-o", "json", "--examples", 40)

    rules = {one["rule"]: one for one in json.loads(result.stdout)["rules"]}
    broken = rules["removes_nobody_at_work"]
    assert ("failed", "passed") == (broken["result"], rules["never_goes_both_ways"]["result"])
    assert Factors.from_json(json.dumps(broken["snapshot"])).workers
    assert broken["complaint"].startswith("removes w1, which ")


def test_a_file_is_checked_with_its_late_values(run, tmp_path):
    """The scaler that a file describes is made of what its ConfigMaps say, and checked."""
    described = tmp_path / "scaler.yaml"
    described.write_text(
        "{name: simple, arguments: {max_workers: {valueFrom: {configMapKeyRef: {name: c, key: most}}}}}"
    )
    result = run("check", "-f", described, "--configmap", "c:most=7", "--examples", 2)
    without = run("check", "-f", described, "--configmap", "c:least=7", "--examples", 2)

    assert "simple max_workers=ConfigMap c/most keeps " in result.stdout
    assert "error: simple: max_workers: ConfigMap c/most can't be read" in without.stderr
    assert (0, 2) == (result.exit_code, without.exit_code)


def test_the_time_is_looked_at_where_it_is_given(run):
    """``--within`` asks for a decision on 10,000 workers; nobody takes no time at all."""
    result = run("check", "simple", "--examples", 1, "--within", 1e-9)

    assert "decides_in_time                       failed" in result.stdout
    assert 1 == result.exit_code


def test_scalers_inside_are_checked_too(run, tmp_path):
    """A scaler that is made of others is built of what the file says, and checked as a whole."""
    described = tmp_path / "scaler.yaml"
    described.write_text("{name: max, arguments: {scalers: [{name: simple}, {name: free-worker}]}}")
    result = run("check", "-f", described, "--examples", 2)

    assert "max scalers=[simple(), free-worker()] keeps " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["simpel"], "scaler 'simpel' is not one of"),
        ([], "which scaler? Give its name, or -f FILE"),
        (["simple", "-a", "max_workers=many"], "simple: max_workers: 'many' is not a whole number"),
    ],
)
def test_what_is_given_wrong_is_one_line(run, arguments, told):
    """An unknown scaler, none, an argument that doesn't fit: one line each, and status 2."""
    result = run("check", *arguments)

    assert result.stderr.startswith(f"error: {told}")
    assert (1, 2) == (result.stderr.count("\n"), result.exit_code)


def test_without_hypothesis_there_is_a_line_that_installs_it():
    """The rules need an extra: where that is missing, one line says how to install it."""
    program = (
        "import sys; sys.modules['hypothesis'] = None; sys.argv = ['everai-autoscaler', 'check', 'simple']\n"
        "from everai_autoscaler.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert "error: hypothesis is missing: pip install 'everai-autoscaler[testing]'\n" == done.stderr
    assert 2 == done.returncode
