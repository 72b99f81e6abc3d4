"""The command itself: help, version, completion, and how it fails."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import everai_autoscaler
from everai_autoscaler.cli.commands import _COMMANDS as COMMANDS
from everai_autoscaler.cli.options.manifest import read_app
from everai_autoscaler.runtime.store import Store

ROOT = Path(__file__).parents[2]

SILENCED = "import sys; sys.modules['click'] = None; sys.argv = ['everai-autoscaler']; "


@pytest.mark.parametrize("help_option", ["-h", "--help"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_an_example(run, command, help_option):
    """The help of a command shows it in use."""
    result = run(command, help_option)

    assert f"  everai-autoscaler {command}" in result.stdout.replace('eval "$(', "  ")
    assert 0 == result.exit_code


def test_the_example_of_run_makes_what_its_manifest_reads(run, tmp_path, monkeypatch):
    """Whoever copies the help's lines has a ConfigMap with each key that the app's arguments are bound to."""
    monkeypatch.chdir(ROOT)
    made, started = re.findall(
        r"^ +everai-autoscaler (configmap .*|run examples.*)$", run("run", "--help").stdout, re.MULTILINE
    )
    result = run(*shlex.split(made), "--state-dir", tmp_path)
    late = [one for one in read_app(Path(started.split()[1])).description.arguments.values() if callable(one)]

    assert 0 == result.exit_code
    assert {"get-start-configmap"} == {one.name for one in late}
    with closing(Store(tmp_path)) as store:
        assert {one.key for one in late} <= set(store.get("ConfigMap", "get-start-configmap").data)


def test_help_lists_every_command(run):
    """Without a command there is the same help as with --help, and it lists all."""
    bare, asked = run(), run("--help")

    assert bare.stdout == asked.stdout
    assert [] == [line for name, line in COMMANDS.items() if f"  {name}" not in bare.stdout or line not in bare.stdout]
    assert 0 == bare.exit_code


def test_each_command_is_in_one_section_of_the_help(run):
    """None is left out, and none is there twice."""
    listed = [line.split()[0] for line in run("--help").stdout.splitlines() if line.startswith("  ")]

    assert sorted(COMMANDS) == sorted(name for name in listed if name in COMMANDS)


def test_help_is_light():
    """The help loads none of the rooms that a decision needs."""
    code = (
        "import sys; from everai_autoscaler.cli.commands import everai_autoscaler as it\n"
        "try: it.main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit(' '.join({'pydantic', 'pluggy', 'structlog', 'yaml', 'attrs'} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ("", 0) == (done.stderr, done.returncode)


def test_version_says_package_and_python(run):
    """Both versions that matter in a report are in one line."""
    python = ".".join(map(str, sys.version_info[:3]))

    assert f"everai-autoscaler {everai_autoscaler.__version__} (Python {python})\n" == run("--version").stdout


@pytest.mark.parametrize(
    ("shell", "mark"), [("bash", "complete -o"), ("zsh", "#compdef"), ("fish", "complete --no-files")]
)
def test_completion_prints_the_script(run, shell, mark):
    """The script of each shell is printed, for the command as it is called."""
    script = run("completion", shell).stdout

    assert mark in script
    assert "_EVERAI_AUTOSCALER_COMPLETE" in script


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("re", {"replay", "resume"}),
        ("walk q", {"queue"}),
        ("walk --trace azure_llm_co", {"azure_llm_code_2023", "azure_llm_conv_2023"}),
        ("walk --scaler f", {"first-valid", "floor", "free-worker"}),
        ("decide s", {"schedule", "shadow", "simple", "slo-latency", "stabilize"}),
    ],
)
def test_names_are_completed(run, words, expected):
    """Commands, walks, traces and scalers are completed."""
    given = ["everai-autoscaler", *words.split()]
    place = str(len(given) - 1)
    result = run(_EVERAI_AUTOSCALER_COMPLETE="bash_complete", COMP_WORDS=" ".join(given), COMP_CWORD=place)

    assert expected == {line.partition(",")[2] for line in result.stdout.splitlines()}


def test_an_unknown_command_is_one_line(run):
    """A misspelt command is told in one line that says where help is."""
    result = run("decid")

    assert "error: No such command 'decid'" in result.stderr
    assert "(see everai-autoscaler --help)\n" in result.stderr
    assert 1 == result.stderr.count("\n")
    assert 2 == result.exit_code


def test_without_click_one_line_says_what_to_install():
    """The core alone has no command line, and the script says how to get it."""
    code = SILENCED + "from everai_autoscaler.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "error: the command line isn't installed: pip install 'everai-autoscaler[cli]'\n" == done.stderr
    assert ("", 2) == (done.stdout, done.returncode)


NOT_INSTALLED = "the local runtime isn't installed: pip install 'everai-autoscaler[runtime]'"
NOT_HERE = "the local runtime wants file locks and process groups, which this system hasn't: use Linux or macOS"


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        *((name, NOT_INSTALLED) for name in ("aiohttp", "psutil", "prometheus_client", "shortuuid")),
        *((name, NOT_HERE) for name in ("fcntl", "resource")),
    ],
)
def test_without_what_the_runtime_wants_one_line_says_so(tmp_path, missing, told):
    """To run an app wants more than the other commands, which is said in a line."""
    (tmp_path / "app.yaml").write_text("{name: simple, local: {command: x}}")
    code = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['everai-autoscaler', 'run', 'app.yaml']; "
        "from everai_autoscaler.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)

    assert f"error: {told}\n" == done.stderr
    assert ("", 2) == (done.stdout, done.returncode)


@pytest.mark.parametrize("group", ["worker", "app", "decisions", "configmap", "secret"])
def test_a_group_alone_shows_its_help(run, group):
    """Of a command that has commands of its own, those are shown where none is given."""
    bare, asked = run(group), run(group, "--help")

    assert bare.stdout.rstrip() == asked.stdout.rstrip()
    assert ("", 0) == (bare.stderr, bare.exit_code)


def test_a_reader_that_has_enough_is_no_error(start, a_line, tmp_path):
    """When whoever reads goes away, the command ends quietly, as other tools do."""
    stream = tmp_path / "stream.jsonl"
    stream.write_text(a_line() * 2000)
    process = start("decide", "simple", stream)
    process.stdout.readline()
    process.stdout.close()

    assert "" == process.stderr.read()
    assert 141 == process.wait(60)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interrupt_ends_quietly(start, a_line):
    """Ctrl-C is no error with a traceback: the status is 130."""
    # A command inherits what its parent ignores: a suite in the background of a shell ignores interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = start("decide", "simple")
    signal.signal(signal.SIGINT, before)
    process.stdin.write(a_line())
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)

    assert 130 == process.wait(60)
    assert "" == process.stderr.read().strip()


def test_the_library_is_left_as_it_was(run):
    """The handler that shows warnings is gone when the command is."""
    from everai_autoscaler.log import LOGGER

    before = list(LOGGER.handlers)
    run("plugins")

    assert before == LOGGER.handlers


def test_the_package_ships_its_traces_and_their_licence():
    """The data files and the page that says whose they are lie beside the loader."""
    room = Path(everai_autoscaler.__file__).parent / "simulator" / "data"

    assert {"azure_llm_code_2023.csv.gz", "azure_llm_conv_2023.csv.gz", "README.md"} <= {p.name for p in room.iterdir()}
    assert "CC-BY-4.0" in (room / "README.md").read_text("utf-8")


@pytest.mark.skipif(os.name != "posix", reason="a shell's redirections")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_is_no_failure(closed, snapshot_file, tmp_path):
    """Whoever starts the command without input, output or errors gets its decision recorded all the same."""
    records = tmp_path / "records.jsonl"
    script = Path(sys.executable).with_name("everai-autoscaler")
    command = f"{script} decide simple {snapshot_file} --record {records} {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)

    assert ("", 0) == (done.stderr, done.returncode)
    assert 1 == len(records.read_text().splitlines())
