"""``new``: a plugin distribution to begin with."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

KINDS = ["scaler", "factors-decorator", "arguments-decorator", "placeholder"]
OFFLINE = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]


def test_it_makes_a_directory_that_says_what_is_next(run, tmp_path):
    """The distribution is named after the scaler, each file is listed, and what to do next is said."""
    result = run("new", "patient", "--directory", tmp_path)

    made = tmp_path / "everai-autoscaler-patient"
    files = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert {
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "everai_autoscaler_patient/__init__.py",
        "everai_autoscaler_patient/py.typed",
        "tests/test_patient.py",
    } == files
    assert result.stdout.startswith(f"Made {made}:\n  pyproject.toml\n")
    assert f"Next:\n  pip install -e {made}\n  everai-autoscaler describe patient\n" in result.stdout
    assert 0 == result.exit_code


def test_nothing_is_left_to_fill_in(run, tmp_path):
    """No template's word stands in what was made, nor anything beside it."""
    for kind in KINDS:
        run("new", f"my-{kind}", "--kind", kind, "--directory", tmp_path)

    assert [f"everai-autoscaler-my-{kind}" for kind in sorted(KINDS)] == sorted(
        path.name for path in tmp_path.iterdir()
    )
    texts = [path.read_text("utf-8") for path in tmp_path.rglob("*") if path.is_file()]
    assert not [text for text in texts if "$" in text]
    assert 4 == sum("everai-autoscaler>=1.0.0.dev0" in text for text in texts)


@pytest.mark.parametrize(
    ("given", "kind", "name", "distribution"),
    [
        ("Price_List.v2", "scaler", "price-list-v2", "everai-autoscaler-price-list-v2"),
        ("everai-autoscaler-patient", "scaler", "patient", "everai-autoscaler-patient"),
        ("price-list", "placeholder", "PriceList", "everai-autoscaler-price-list"),
    ],
)
def test_names_are_normalised(run, tmp_path, given, kind, name, distribution):
    """A distribution's name is told as pip tells it, a placeholder kind's as such kinds are called."""
    result = run("new", given, "--kind", kind, "--directory", tmp_path, "-o", "json")

    told = json.loads(result.stdout)
    assert (name, distribution) == (told["name"], told["distribution"])
    assert all((tmp_path / distribution / path).is_file() for path in told["files"])


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("a b", "scaler", "'a b' is not the name of a distribution"),
        ("-patient", "scaler", "no such option"),
        ("patient-", "scaler", "'patient-' is not the name of a distribution"),
        ("2fast", "scaler", "'2fast' is not the name of a distribution"),
        ("../patient", "scaler", "'../patient' is not the name of a distribution"),
        ("", "scaler", "'' is not the name of a distribution"),
        ("fräulein", "scaler", "'fräulein' is not the name of a distribution"),
        ("Simple", "scaler", "'simple' is builtin"),
        ("max", "scaler", "'max' is builtin"),
        ("env", "placeholder", "'Env' is builtin"),
        ("time_match", "arguments-decorator", "'time-match' is builtin"),
        ("builtin", "scaler", "'builtin' is builtin"),
        ("everai-autoscaler", "scaler", "'everai-autoscaler' is builtin"),
        ("patient", "policy", "invalid value for '--kind'"),
    ],
)
def test_a_bad_name_is_one_line_and_makes_nothing(run, tmp_path, name, kind, told):
    """What isn't a distribution's name, or is a builtin one, is refused in one line; nothing is half-written."""
    result = run("new", name, "--kind", kind, "--directory", tmp_path)

    assert result.stderr.lower().startswith(f"error: {told.lower()}")
    assert (1, 2) == (result.stderr.count("\n"), result.exit_code)
    assert [] == list(tmp_path.iterdir())


def test_a_builtin_name_of_another_kind_is_free(run, tmp_path):
    """A decorator may be called as a scaler is."""
    assert 0 == run("new", "simple", "--kind", "factors-decorator", "--directory", tmp_path).exit_code


def test_an_existing_directory_stays_as_it_is(run, tmp_path):
    """What is there already is never written over, nor into; a link that leads nowhere is there, too."""
    (tmp_path / "everai-autoscaler-patient").mkdir()
    (tmp_path / "everai-autoscaler-hasty").symlink_to(tmp_path / "gone")
    first, second = (run("new", name, "--directory", tmp_path) for name in ("patient", "hasty"))

    assert f"error: {tmp_path / 'everai-autoscaler-patient'}: is there already\n" == first.stderr
    assert f"error: {tmp_path / 'everai-autoscaler-hasty'}: is there already\n" == second.stderr
    assert [] == list((tmp_path / "everai-autoscaler-patient").iterdir())
    assert (2, 2) == (first.exit_code, second.exit_code)


def test_a_directory_that_cannot_be_written_is_one_line(run, tmp_path):
    """Where there is no room for it, nothing is made, and one line says why."""
    result = run("new", "patient", "--directory", tmp_path / "gone")

    assert "does not exist" in result.stderr
    assert 2 == result.exit_code


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A directory with one distribution of each kind, and one in which they are installed, by pip."""
    directory, target = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("target")
    script = [sys.executable, "-c", "from everai_autoscaler.cli import main; main()"]
    for kind in KINDS:
        subprocess.run([*script, "new", f"my-{kind}", "--kind", kind], cwd=directory, check=True, capture_output=True)
    command = [sys.executable, "-m", "pip", "install", *OFFLINE, "--target", str(target), *sorted(directory.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"pip could not install what was made (are pip and hatchling here?):\n{done.stderr}")
    return directory, target


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_made_can_be_installed_and_its_tests_pass(made, kind):
    """As it is: pip installs it, and its own tests pass in a process of their own."""
    directory, target = made
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"everai-autoscaler-my-{kind}"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.slow
def test_what_was_made_is_listed(made):
    """`plugins` lists each with its distribution, and nothing failed."""
    _, target = made
    script = [sys.executable, "-c", "from everai_autoscaler.cli import main; main()", "plugins", "-o", "json"]
    env = {**os.environ, "PYTHONPATH": str(target)}
    done = subprocess.run(script, env=env, capture_output=True, text=True, check=True)

    found = {one["plugin"]: one for one in json.loads(done.stdout)}
    assert {f"my-{kind}": [] for kind in KINDS} == {
        name: one["failures"] for name, one in found.items() if name.startswith("my-")
    }
    assert {"autoscalers": ["my-scaler"]} == found["my-scaler"]["offers"]
    assert {"placeholder_kinds": ["MyPlaceholder"]} == found["my-placeholder"]["offers"]


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["mypy", "ruff"])
def test_what_was_made_is_clean(made, tool):
    """mypy, strict, has nothing to say about it, and neither has ruff."""
    pytest.importorskip(tool, reason=f"{tool} isn't here")
    directory, target = made
    for kind in KINDS:
        place = directory / f"everai-autoscaler-my-{kind}"
        runs = {
            "mypy": [["mypy", "--strict", f"everai_autoscaler_my_{kind.replace('-', '_')}", "tests"]],
            "ruff": [["ruff", "check", "."], ["ruff", "format", "--check", "."]],
        }
        for command in runs[tool]:
            env = {**os.environ, "MYPYPATH": str(target), "MYPY_CACHE_DIR": str(directory / "cache")}
            done = subprocess.run(
                [sys.executable, "-m", *command], cwd=place, env=env, capture_output=True, text=True, check=False
            )

            assert 0 == done.returncode, f"{kind}: {done.stdout}{done.stderr}"
