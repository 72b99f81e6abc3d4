"""``run --tune`` and ``tuning``: what is refused before anything runs, what is begun, what is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from everai_autoscaler.cli.options import tuning as tuning_options
from everai_autoscaler.cli.options.manifest import AppManifest, Description, read_app
from everai_autoscaler.cli.options.tuning import WantedTuning, wanted_tuning
from everai_autoscaler.errors import AutoscalerError, ContractError, MissingExtraError
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Placeholder, argument
from everai_autoscaler.runtime.tuned import InForceForm, TuningForm, chosen_path, read_tuning, write_tuning
from everai_autoscaler.tuner.settings import Config

BOOK = {"candidates": [{"scaler": "simple", "arguments": {"max_queue_size": one}} for one in (1, 2)], "start": 1}
TUNED = {"valueFrom": {"tunedKeyRef": {"name": "chat", "key": "max_queue_size"}}}

NOTHING_READS = (
    "app.yaml: tuning: nothing reads what would be chosen, so that it can't act; write into the arguments of simple: "
    "max_queue_size: {valueFrom: {tunedKeyRef: {name: chat, key: max_queue_size}}}, or run it with --tune=advise"
)
ANOTHER_SCALER = (
    "app.yaml: tuning: the book has candidates of simple, and the app's scaler is free-worker: give it the scaler"
    " simple, another book, or run it with --tune=advise"
)


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., Path]:
    """Writes a manifest, with a book beside it."""
    pytest.importorskip("numba")

    def write(tuning: Any = None, arguments: dict[str, Any] | None = None, name: str = "simple") -> Path:
        (tmp_path / "book.json").write_text(json.dumps(BOOK))
        path = tmp_path / "app.yaml"
        document = {
            "metadata": {"name": "chat"},
            "autoscaler": {"builtin": {"name": name, "arguments": arguments or {}}},
            "local": {"command": "true"},
            **({} if tuning is None else {"tuning": {"book": "book.json", **tuning}}),
        }
        path.write_text(yaml.safe_dump(document))
        return path

    return write


def wanted(path: Path, word: str | None = None) -> WantedTuning:
    """How the app is to be tuned, which it is."""
    found = wanted_tuning(read_app(path), path, word)
    assert found is not None
    return found


class TestWhetherItIsTuned:
    """By the section, or by the command line, which goes before it."""

    @pytest.mark.parametrize(
        ("tuning", "word", "act"),
        [
            (None, None, None),
            ({}, "off", None),
            ({}, None, False),
            ({"act": True}, None, True),
            ({"act": True}, "advise", False),
            ({}, "act", True),
        ],
    )
    def test_says(self, manifest: Any, tuning: Any, word: str | None, act: bool | None) -> None:
        """It advises unless it is told to act."""
        path = manifest(tuning, {"max_queue_size": TUNED})
        found = wanted_tuning(read_app(path), path, word)

        assert act == (None if found is None else found.settings.act)

    def test_a_section_without_anything_in_it(self, manifest: Any) -> None:
        """It is a section."""
        path = manifest()
        path.write_text(path.read_text() + "tuning:\n")

        assert 100 < len(wanted(path).book)

    def test_a_section_in_the_spec(self, tmp_path: Path) -> None:
        """As the target's."""
        path = tmp_path / "app.yaml"
        path.write_text("{spec: {autoscaler: {builtin: {name: simple}}, tuning: {every: 7}}}")

        assert {"every": 7} == read_app(path).tuning


class TestWhatIsRefused:
    """In one line, before anything runs."""

    @pytest.mark.parametrize(
        ("tuning", "arguments", "name", "words"),
        [
            ({"evry": 3}, {}, "simple", "app.yaml: tuning: key 'evry' is not one of"),
            ({"book": "nowhere.json"}, {}, "simple", "nowhere.json: No such file or directory"),
            (
                {"act": True},
                {},
                "simple",
                NOTHING_READS,
            ),
            (
                {"act": True},
                {"max_workers": TUNED},
                "free-worker",
                ANOTHER_SCALER,
            ),
            (
                {},
                {"max_workers": {"valueFrom": {"tunedKeyRef": {"name": "chat", "key": "max_workers"}}}},
                "simple",
                "app.yaml: tuning: max_workers is read as Tuned, and not every candidate of the book has it",
            ),
        ],
    )
    def test_names_what_to_write(
        self, manifest: Any, tuning: Any, arguments: dict[str, Any], name: str, words: str
    ) -> None:
        """The thing, and what is accepted."""
        path = manifest(tuning, arguments, name)

        with pytest.raises(AutoscalerError) as raised:
            wanted(path)
        assert words in str(raised.value)

    def test_without_the_extra(self, manifest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """The line to install it."""
        monkeypatch.setattr(tuning_options, "_NEEDED", ("numpy", "no_such_module"))

        with pytest.raises(
            MissingExtraError,
            match=r"tuning needs no_such_module: pip install 'everai-autoscaler\[simulator\]'",
        ):
            wanted(manifest({}))

    def test_by_the_command(self, run: Any, manifest: Any, tmp_path: Path) -> None:
        """Exit status 2, and one line."""
        result = run("run", manifest({"act": True}), "--state-dir", tmp_path / "state")

        assert (2, 1) == (result.exit_code, result.stderr.count("\n"))
        assert "nothing reads what would be chosen" in result.stderr

    def test_another_word(self, run: Any, manifest: Any) -> None:
        """The line says which there are."""
        result = run("run", manifest(), "--tune=please")

        assert 2 == result.exit_code
        assert "advise, act, off" in result.stderr.replace("'", "")


class TestWhichArgumentsAreTuned:
    """Those that read what is chosen for this app, wherever they are."""

    def test_inside_of_other_scalers(self, manifest: Any) -> None:
        """In lists of them, too; another app's don't count."""
        other = {"valueFrom": {"tunedKeyRef": {"name": "other", "key": "max_queue_size"}}}
        inside = {"name": "simple", "arguments": {"max_queue_size": TUNED, "min_workers": other}}
        path = manifest({}, {"scalers": [inside, inside]}, "max")

        assert ("max_queue_size",) == wanted(path).tuned

    def test_of_a_scaler_that_is_an_object(self, tmp_path: Path) -> None:
        """Its attributes."""
        pytest.importorskip("numba")
        from attrs import define

        @define
        class Mine(AutoScaler):
            min_workers: int = argument(default=0)
            rule: Any = "1*now"

            def decide(self, factors: Factors) -> DecideResult:
                return DecideResult(max_workers=1, actions=[])

        scaler = Mine(rule=Placeholder(kind="Tuned", name="chat", key="rule"))  # type: ignore[call-arg]
        described = Description("mine", {}, None, scaler)
        found = wanted_tuning(AppManifest("chat", described, {}, tmp_path, {}), tmp_path / "app.py", None)

        assert found is not None
        assert ("rule",) == found.tuned


class TestBeginning:
    """There is a first choice before the first decision."""

    def test_is_the_start_of_the_book(self, manifest: Any, tmp_path: Path) -> None:
        """So that no decision fails."""
        why = wanted(manifest({}, {"max_queue_size": TUNED})).begin(tmp_path)
        form = read_tuning(tmp_path, "chat")

        assert "" == why
        assert form is not None
        assert form.in_force is not None
        assert {"max_queue_size": 2} == form.in_force.arguments

    def test_is_nothing_where_nothing_reads_it(self, manifest: Any, tmp_path: Path) -> None:
        """An app whose arguments are its own is only advised."""
        wanted(manifest({})).begin(tmp_path)
        form = read_tuning(tmp_path, "chat")

        assert form is not None
        assert form.in_force is None

    def test_keeps_what_was_chosen(self, manifest: Any, tmp_path: Path) -> None:
        """Also where the settings are new."""
        wanted(manifest({}, {"max_queue_size": TUNED})).begin(tmp_path)
        before = read_tuning(tmp_path, "chat")
        why = wanted(manifest({"every": 60}, {"max_queue_size": TUNED})).begin(tmp_path)
        after = read_tuning(tmp_path, "chat")

        assert "" == why
        assert before is not None
        assert after is not None
        assert (before.in_force, 60.0) == (after.in_force, after.every)

    def test_replaces_what_is_broken(self, manifest: Any, tmp_path: Path) -> None:
        """And says so."""
        chosen_path(tmp_path, "chat").parent.mkdir()
        chosen_path(tmp_path, "chat").write_text("{")
        why = wanted(manifest({}, {"max_queue_size": TUNED})).begin(tmp_path)

        assert why.startswith("what was tuned before can't be read, it begins with the start of the book: ")
        assert read_tuning(tmp_path, "chat") is not None

    def test_replaces_what_has_not_what_is_read(self, manifest: Any, tmp_path: Path) -> None:
        """The argument is new."""
        in_force = InForceForm(number=1, scaler="demand", arguments={"rule": "x"}, since=1.0, why="", source="")
        write_tuning(tmp_path, form(app="chat", in_force=in_force))
        why = wanted(manifest({}, {"max_queue_size": TUNED})).begin(tmp_path)

        assert "what was tuned before has no max_queue_size, it begins with the start of the book" == why


def test_the_process_is_told_all_of_it(manifest: Any, tmp_path: Path) -> None:
    """As one line of JSON; it has one thread."""
    beside = wanted(manifest({"act": True, "ring": 1}, {"max_queue_size": TUNED})).beside(tmp_path, interval=7.0)
    config = Config.model_validate_json(beside.command[-1])

    assert ("chat", "simple", ("max_queue_size",), 7.0) == (config.app, config.scaler, config.tuned, config.interval)
    assert config.book == tmp_path / "book.json"
    assert ("1", 52_224) == (beside.environment["NUMBA_NUM_THREADS"], beside.records)


def test_what_can_not_be_promised_is_said_at_the_beginning(manifest: Any) -> None:
    """Where it is configured."""
    advising = list(wanted(manifest({}, {"max_queue_size": TUNED})).introduction())
    acting = list(wanted(manifest({"act": True, "slo": {"share": 0.999}}, {"max_queue_size": TUNED})).introduction())

    assert 1 == len(advising)
    assert (
        "tuned for 99 % of requests within 5 s, among 2 rules: the tuner advises; --tune=act lets it act. 99 % unless a"
        " burst larger than the error budget arrives faster than a cold start"
    ) == advising[0]
    assert acting[0].startswith("tuned for 99.9 % of requests within 5 s, among 2 rules: the tuner acts. 99.9 % unless")


def test_what_the_book_sets_and_nobody_reads_is_said(manifest: Any, tmp_path: Path) -> None:
    """With the line to write."""
    path = manifest({"act": True}, {"max_queue_size": TUNED})
    candidates = [{"scaler": "simple", "arguments": {"max_queue_size": 1, "scale_up_step": 2}}]
    (tmp_path / "book.json").write_text(json.dumps({"candidates": candidates}))

    assert (
        "tuning: the book also sets scale_up_step, which the app doesn't read: scale_up_step: {valueFrom: "
        "{tunedKeyRef: {name: chat, key: scale_up_step}}}"
    ) == list(wanted(path).introduction())[1]


def form(**changes: Any) -> TuningForm:
    """What a tuner may have told."""
    one = {"scaler": "demand", "risk": 0.004, "allowed": True}
    rule = {"rule": "1*now", "min_workers": 1}
    known = {**one, "number": 17, "arguments": rule, "workers": 2.0, "share": 0.993}
    plain: dict[str, Any] = {
        "app": "get-start",
        "act": False,
        "within": 5.0,
        "share": 0.99,
        "every": 300.0,
        "candidates": 135,
        "price": 0.65,
        "in_force": {"number": 67, "scaler": "demand", "arguments": rule, "since": 5.0, "why": "first", "source": "s"},
        "advice": {"number": 17, "scaler": "demand", "arguments": rule, "since": 65.0, "why": "w", "share": 0.993},
        "chosen": known,
        "budget": {"due": 1000.0, "late": 3.0, "aim": 0.0085, "allowed": 0.0063, "spent": 0.353, "left": 5.5},
        "runners_up": [{**known, "number": 3, "workers": 2.5, "allowed": False, "arguments": {}}],
        "switches": [{"at": 65.0, "was": 4, "number": 17, "why": "cheap", "acted": False}],
        "switched": 1,
        "hours": 23.0,
        "said": "would have cost $31.20 instead of $39.00 a day, 99.3 % within 5 s",
        "assumed": "no start was seen yet",
        "told_at": 70.0,
        "until": 68.0,
        "cpu": 0.004,
    }
    return TuningForm.model_validate({**plain, **changes})


SHOWN = """\
App:        get-start, tuned among 135 rules; the tuner only advises
Promise:    99 % of requests within 5 s, unless a burst larger than the error budget
            arrives faster than a cold start
In force:   rule 67: rule 1*now, min_workers 1, since 1970-01-01T00:00:05+0000
            first
Advice:     rule 17: rule 1*now, min_workers 1, since 1970-01-01T00:01:05+0000
            would have cost $31.20 instead of $39.00 a day, 99.3 % within 5 s
Budget:     35 % spent: 3 of 1,000 requests were late, and 8 may be
            0.63 % of the requests may be late under a rule now
Evidence:   23 h of traffic up to 1970-01-01T00:01:08+0000, told at 1970-01-01T00:01:10+0000
Tuner:      used 0.4 % of a core
Assumed:    no start was seen yet

           RULE    WORKERS    COST    WITHIN 5 s    RISK  BUDGET
-------  ------  ---------  ------  ------------  ------  --------
advised      17          2  $31.20        99.3 %   0.4 %  within
              3        2.5  $39.00        99.3 %   0.4 %  beyond

SWITCHED_AT                 WAS    RULE           WHY
------------------------  -----  ------  -------  -----
1970-01-01T00:01:05+0000      4      17  advised  cheap
"""


class TestShowing:
    """``everai-autoscaler tuning``."""

    def test_in_words(self, run: Any, kept: Path) -> None:
        """What is in force, the advice, the budget, the runners-up, the switches."""
        write_tuning(kept, form())

        assert SHOWN == run("tuning", "--state-dir", kept).stdout

    def test_with_arguments(self, run: Any, kept: Path) -> None:
        """A column more."""
        write_tuning(kept, form(act=True, price=None))
        words = run("tuning", "-o", "wide", "--state-dir", kept).stdout

        assert "the tuner acts" in words
        assert "ARGUMENTS" in words
        assert "48.0 h" in words

    def test_before_anything_is_known(self, run: Any, kept: Path) -> None:
        """There is little to say."""
        nothing = {"advice": None, "chosen": None, "budget": None, "runners_up": [], "switches": [], "in_force": None}
        write_tuning(kept, form(**nothing, cpu=None, until=None, assumed="", hours=0.0))
        words = run("tuning", "--state-dir", kept).stdout

        assert words.endswith("Evidence:   0 s of traffic, told at 1970-01-01T00:01:10+0000\n")
        assert "In force" not in words

    def test_for_programs(self, run: Any, kept: Path) -> None:
        """All of it."""
        write_tuning(kept, form())

        assert form() == TuningForm.model_validate_json(run("tuning", "-o", "json", "--state-dir", kept).stdout)

    def test_where_nothing_is_tuned(self, run: Any, kept: Path) -> None:
        """The line says how to."""
        result = run("tuning", "--state-dir", kept)

        assert (2, "error: nothing is tuned for get-start: everai-autoscaler run FILE --tune\n") == (
            result.exit_code,
            result.stderr,
        )

    def test_a_switch_from_nothing(self, run: Any, kept: Path) -> None:
        """There was none before."""
        write_tuning(kept, form(switches=[{"at": 65.0, "was": None, "number": 17, "why": "cheap", "acted": True}]))

        assert "      -      17  acted  cheap" in run("tuning", "--state-dir", kept).stdout


def test_a_contract_error_is_one(manifest: Any) -> None:
    """As everything that is given wrong."""
    with pytest.raises(ContractError):
        wanted(manifest({"cpu": 7}))
