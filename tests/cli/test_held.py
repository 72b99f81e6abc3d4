"""``configmap`` and ``secret``."""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import closing

import pytest
import yaml

from everai_autoscaler.runtime.store import Store

BOTH = pytest.mark.parametrize(("command", "kind"), [("configmap", "ConfigMap"), ("secret", "Secret")])


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def run_here(run, state):
    """Runs a command with a state directory of its own."""
    return lambda *arguments, **more: run(*arguments, "--state-dir", state, **more)


def kept(state, kind: str, name: str):
    with closing(Store(state)) as store:
        found = store.get(kind, name)
    return None if found is None else dict(found.data)


@BOTH
def test_create_keeps_what_was_given(run_here, state, command: str, kind: str) -> None:
    """Literals are kept under the name."""
    result = run_here(command, "create", "limits", "--from-literal", "min_workers=1", "--from-literal", "note=a=b")

    assert f"{kind} limits created: min_workers, note\n" == result.stdout
    assert {"min_workers": "1", "note": "a=b"} == kept(state, kind, "limits")


@BOTH
def test_create_reads_files(run_here, state, tmp_path, command: str, kind: str) -> None:
    """A file's content is kept under the file's name, or the key that is given."""
    (tmp_path / "max_workers").write_text("5")
    run_here(
        command,
        "create",
        "limits",
        "--from-file",
        tmp_path / "max_workers",
        "--from-file",
        f"most={tmp_path}/max_workers",
    )

    assert {"max_workers": "5", "most": "5"} == kept(state, kind, "limits")


@BOTH
def test_create_refuses_what_is_there(run_here, state, command: str, kind: str) -> None:
    """One that is there isn't changed, and the line says how it would be."""
    run_here(command, "create", "limits", "--from-literal", "a=1")
    result = run_here(command, "create", "limits", "--from-literal", "a=2")

    assert 2 == result.exit_code
    assert (
        f"error: {kind} limits is there already; change it: everai-autoscaler {command} update limits" in result.stderr
    )
    assert {"a": "1"} == kept(state, kind, "limits")


def test_create_can_leave_what_is_there(run_here, state) -> None:
    """With --keep, one that is there is no failure, and stays as it is."""
    run_here("configmap", "create", "limits", "--from-literal", "a=1")
    result = run_here("configmap", "create", "limits", "--keep", "--from-literal", "a=2")

    assert (0, {"a": "1"}) == (result.exit_code, kept(state, "ConfigMap", "limits"))


def test_a_file_of_several_is_made_whole_or_not_at_all(run_here, state, tmp_path) -> None:
    """Where one of two documents is there already, the other isn't made either."""
    document = {"kind": "ConfigMap", "metadata": {"name": "b"}, "data": {"x": "1"}}
    file = tmp_path / "both.yaml"
    file.write_text(yaml.safe_dump_all([{**document, "metadata": {"name": "a"}}, document]))
    run_here("configmap", "create", "b")
    result = run_here("configmap", "create", "-f", file)

    assert (2, None) == (result.exit_code, kept(state, "ConfigMap", "a"))


def test_a_configmap_in_the_form_of_kubernetes_comes_back(run_here, state, tmp_path) -> None:
    """What get prints as YAML can be created again."""
    run_here("configmap", "create", "limits", "--from-literal", "a=1", "--from-literal", "text=two\nlines")
    file = tmp_path / "limits.yaml"
    file.write_text(run_here("configmap", "get", "limits", "-o", "yaml").stdout)
    run_here("configmap", "delete", "limits")
    run_here("configmap", "create", "-f", file)

    assert {"a": "1", "text": "two\nlines"} == kept(state, "ConfigMap", "limits")


def test_a_secret_in_the_form_of_kubernetes_is_decoded(run_here, state, tmp_path) -> None:
    """Data is in base64, stringData as it is."""
    file = tmp_path / "quota.yaml"
    file.write_text("kind: Secret\nmetadata: {name: quota}\ndata: {a: NQ==}\nstringData: {b: six}\n")
    run_here("secret", "create", "-f", file)

    assert {"a": "5", "b": "six"} == kept(state, "Secret", "quota")


def test_update_changes_what_is_given_and_tells_it(run_here, state) -> None:
    """Keys that aren't given stay; each change is told with the value before."""
    run_here("configmap", "create", "limits", "--from-literal", "a=1", "--from-literal", "b=2")
    result = run_here(
        "configmap", "update", "limits", "--from-literal", "a=5", "--from-literal", "c=3", "--remove", "b"
    )

    told = "ConfigMap limits updated; read at the next decision\n  a: 1 -> 5\n  b: removed, was 2\n  c: 3 (new)\n"
    assert told == result.stdout
    assert {"a": "5", "c": "3"} == kept(state, "ConfigMap", "limits")


def test_update_says_when_nothing_changes(run_here, state) -> None:
    """The same value again is no change, and not kept as one."""
    run_here("configmap", "create", "limits", "--from-literal", "a=1")
    with closing(Store(state)) as store:
        before = store.get("ConfigMap", "limits").updated_at

    assert (
        "ConfigMap limits is so already\n" == run_here("configmap", "update", "limits", "--from-literal", "a=1").stdout
    )
    with closing(Store(state)) as store:
        assert before == store.get("ConfigMap", "limits").updated_at


def test_two_who_update_at_once_lose_nothing(run_here, state) -> None:
    """What somebody else changes meanwhile stays: an update waits for it before it looks at what is there."""
    run_here("configmap", "create", "limits", "--from-literal", "a=1")
    update = threading.Thread(target=run_here, args=("configmap", "update", "limits", "--from-literal", "b=2"))
    with closing(Store(state)) as other, other.alone():
        update.start()
        time.sleep(0.3)
        other.put("ConfigMap", "limits", {"a": "9"})
    update.join()

    assert {"a": "9", "b": "2"} == kept(state, "ConfigMap", "limits")


@BOTH
@pytest.mark.parametrize(
    "arguments", [("update", "limist", "--from-literal", "a=1"), ("get", "limist"), ("delete", "limist")]
)
def test_a_name_that_is_not_there_is_one_line(run_here, command: str, kind: str, arguments) -> None:
    """A name that is misspelt is refused with the names that there are."""
    run_here(command, "create", "limits")
    result = run_here(command, *arguments)

    assert 2 == result.exit_code
    assert f"error: {kind} 'limist' is not one of limits; did you mean 'limits'?\n" == result.stderr


def test_a_key_that_is_not_there_cannot_be_removed(run_here, state) -> None:
    """Nothing is changed where a key to remove isn't there."""
    run_here("configmap", "create", "limits", "--from-literal", "a=1")
    result = run_here("configmap", "update", "limits", "--from-literal", "a=2", "--remove", "b")

    assert (2, {"a": "1"}) == (result.exit_code, kept(state, "ConfigMap", "limits"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create",), "which ConfigMap? Give its name, or --file FILE"),
        (("update",), "which ConfigMap? Give its name, or --file FILE"),
        (
            ("update", "limits"),
            "what of ConfigMap limits is to change? Give --from-literal, --from-file, --remove or --file",
        ),
        (("create", "Limits"), "ConfigMap 'Limits': a name is of lower-case letters, digits, '-' and '.'"),
        (("create", "../up"), "ConfigMap '../up': a name is of lower-case letters"),
        (("create", "x" * 254), "a name is of lower-case letters"),
        (("create", "limits", "--from-file", "/bin/sh"), "--from-file: /bin/sh: its content is not text (UTF-8)"),
        (("create", "limits", "--from-literal", "k=\udcff"), "ConfigMap limits: k: the value is not text (UTF-8)"),
        (("create", "limits", "--from-literal", "a"), "--from-literal: 'a' is not of the form KEY=VALUE"),
        (("create", "limits", "--from-literal", "..a=1"), "key '..a': a key is of letters, digits, '-', '_' and '.'"),
        (("create", "limits", "--from-literal", "a b=1"), "key 'a b': a key is of letters"),
        (("create", "limits", "--from-file", "no/such"), "--from-file: no/such: No such file or directory"),
        (("create", "limits", "--from-literal", f"a={'x' * (1 << 20)}x"), "has more than 1048576 bytes"),
    ],
)
def test_what_was_given_wrong_is_one_line(run_here, state, arguments, told: str) -> None:
    """Bad names, keys and files are refused before anything is kept."""
    result = run_here("configmap", *arguments)

    assert 2 == result.exit_code
    assert told in result.stderr
    assert 1 == result.stderr.count("\n")
    with closing(Store(state)) as store:
        assert [] == store.names("ConfigMap")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: [", "line 1: is not YAML"),
        ("", "has no ConfigMap"),
        ("kind: Secret\nmetadata: {name: a}", "kind: 'Secret' given, should be ConfigMap"),
        ("- 1", "kind: a list given, should be ConfigMap"),
        ("kind: ConfigMap", "metadata.name: is missing"),
        ("kind: ConfigMap\nmetadata: {name: a}\ndata: 5", "data: a int given, should be a mapping"),
        ("kind: ConfigMap\nmetadata: {name: a}\ndata: {k: [1]}", "data.k: a list given, should be a text"),
        ("kind: ConfigMap\nmetadata: {name: a}\ndata: {k: yes}", "data.k: a bool given, should be a text; quote it"),
        ("kind: ConfigMap\nmetadata: {name: a}\ndata: {k: 2024-13-01}", "is not YAML: month must be in 1..12"),
        (f"kind: ConfigMap\ndata: {'[' * 700}", "is nested too deeply"),
        (
            "kind: ConfigMap\nmetadata: {name: a}\ndata:\n  k: '1'\n  k: '2'",
            "line 5: key 'k' is there already, in line 4",
        ),
        (
            "kind: ConfigMap\nmetadata: {name: a}\nbinaryData: {k: NQ==}",
            "binaryData: can't be kept; texts can, under data",
        ),
        (
            "kind: ConfigMap\nmetadata: {name: a}\ndate: {k: '1'}",
            "key 'date' is not one of apiVersion, data, immutable, kind, metadata; did you mean 'data'?",
        ),
        (
            "kind: ConfigMap\nmetadata: {name: a}\n---\nkind: ConfigMap\nmetadata: {name: a}",
            "document 2: ConfigMap a is in the file already",
        ),
    ],
)
def test_a_file_that_is_none_is_one_line(run_here, tmp_path, text: str, told: str) -> None:
    """What is wrong with a file is named, with the way to it."""
    file = tmp_path / "a.yaml"
    file.write_text(text)
    result = run_here("configmap", "create", "-f", file)

    assert 2 == result.exit_code
    assert told in result.stderr
    assert 1 == result.stderr.count("\n")


def test_one_of_several_in_a_file_can_be_named(run_here, state, tmp_path) -> None:
    """With a name only that document counts; one that isn't there is refused with those that are."""
    document = {"kind": "ConfigMap", "data": {"x": "1"}}
    file = tmp_path / "both.yaml"
    file.write_text(yaml.safe_dump_all([{**document, "metadata": {"name": one}} for one in ("ann", "bob")]))
    run_here("configmap", "create", "ann", "-f", file)
    result = run_here("configmap", "create", "amy", "-f", file)

    assert ({"x": "1"}, None) == (kept(state, "ConfigMap", "ann"), kept(state, "ConfigMap", "bob"))
    assert (2, f"error: ConfigMap in {file}: 'amy' is not one of ann, bob\n") == (
        result.exit_code,
        result.stderr,
    )


def test_a_file_and_literals_do_not_go_together(run_here, state, tmp_path) -> None:
    """Neither is left out in silence."""
    file = tmp_path / "a.yaml"
    file.write_text("kind: ConfigMap\nmetadata: {name: a}")
    result = run_here("configmap", "create", "-f", file, "--from-literal", "a=1")

    assert 2 == result.exit_code
    assert "--file says all of it: not together with --from-literal or --from-file" in result.stderr
    assert not state.exists()


def test_a_secret_that_is_not_in_base64_is_one_line(run_here, state, tmp_path) -> None:
    """A value with a letter that base64 doesn't have isn't read as another one."""
    file = tmp_path / "quota.yaml"
    file.write_text("kind: Secret\nmetadata: {name: quota}\ndata: {a: 'N!Q=='}\n")
    result = run_here("secret", "create", "-f", file)

    assert (2, f"error: {file}: data.a: is no text in base64; write it under stringData as it is\n") == (
        result.exit_code,
        result.stderr,
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stringData:\n  hunter: a\n  hunter: b", "line 5: a key is there already, in line 4"),
        (
            "stringData: {k: a}\nhunter2: b",
            "has a key that is not one of apiVersion, data, immutable, kind, metadata, ",
        ),
    ],
)
def test_what_a_secret_would_drop_is_refused_without_showing_it(run_here, tmp_path, text: str, told: str) -> None:
    """What YAML takes for a key may be a part of a value, so that only its place is told."""
    file = tmp_path / "quota.yaml"
    file.write_text(f"kind: Secret\nmetadata: {{name: quota}}\n{text}\n")
    result = run_here("secret", "create", "-f", file)

    assert (2, False) == (result.exit_code, "hunter" in result.output)
    assert f"error: {file}: {told}" in result.stderr


def test_what_is_shown_of_a_secret_makes_no_empty_one(run_here, state, tmp_path) -> None:
    """What get prints has no values: it is refused, rather than kept as a Secret with nothing in it."""
    run_here("secret", "create", "quota", "--from-literal", "k=hunter2")
    file = tmp_path / "quota.yaml"
    file.write_text(run_here("secret", "get", "quota", "-o", "yaml").stdout)
    run_here("secret", "delete", "quota")

    assert 2 == run_here("secret", "create", "-f", file).exit_code
    assert None is kept(state, "Secret", "quota")


def test_get_shows_keys_and_values(run_here) -> None:
    """A ConfigMap's values are in a table; one of several lines is told of in short."""
    given = ("a=1", "text=two\nlines", f"wide={'x' * 101}")
    run_here("configmap", "create", "limits", *(word for one in given for word in ("--from-literal", one)))

    assert [["a", "1"], ["text", "two (and 1 line more)"], ["wide", f"{'x' * 97}..."]] == [
        re.split(r"\s{2,}", line) for line in run_here("configmap", "get", "limits").stdout.splitlines()[2:]
    ]


def test_no_command_shows_a_secret(run_here, tmp_path) -> None:
    """Whatever is asked of a Secret, its value isn't in the answer, nor in what is said of a bad one."""
    said = [run_here("secret", "create", "quota", "--from-literal", "k=hunter2")]
    said += [run_here("secret", "update", "quota", "--from-literal", "k=hunter22", "--from-literal", "new=hunter222")]
    said += [run_here("secret", "get", "quota", "-o", form) for form in ("text", "wide", "json", "yaml")]
    said += [run_here("secret", "list", "-o", form) for form in ("text", "wide", "json", "yaml")]
    bad = ["data: {k: hunter2}", "stringData: {k: [hunter2]}", "stringData: 'hunter2"]
    bad += [
        "stringData: {k: *hunter2 }",
        "stringData: {k: !hunter2 }",
        "stringData: {k: &a x, l: &hunter2 x, m: &hunter2 }",
    ]
    for number, text in enumerate(bad):
        file = tmp_path / f"{number}.yaml"
        file.write_text(f"kind: Secret\nmetadata: {{name: s{number}}}\n{text}\n")
        said += [run_here("secret", "create", "-f", file)]

    assert [] == [one.output for one in said if "hunter" in one.output]


def test_list_shows_which_there_are(run_here) -> None:
    """Each is in the list with how many keys it has."""
    run_here("configmap", "create", "b", "--from-literal", "a=1")
    run_here("configmap", "create", "a")

    assert [["a", "0"], ["b", "1"]] == [
        line.split()[:2] for line in run_here("configmap", "list").stdout.splitlines()[2:]
    ]
    assert ["a", "b"] == [
        one["metadata"]["name"] for one in json.loads(run_here("configmap", "list", "-o", "json").stdout)
    ]


def test_delete_forgets_it(run_here, state) -> None:
    """What was deleted isn't there any more."""
    run_here("configmap", "create", "limits")
    run_here("configmap", "delete", "limits")

    assert None is kept(state, "ConfigMap", "limits")


@pytest.mark.parametrize("command", ["configmap", "secret"])
@pytest.mark.parametrize("what", ["create", "update", "list", "get", "delete"])
def test_each_help_has_an_example(run, command: str, what: str) -> None:
    """The help shows the command in use; a Secret's never with a value in it."""
    told = run(command, what, "--help").stdout

    assert f"\n    everai-autoscaler {command} {what}" in told
    assert command == "configmap" or f"{what} limits --from-literal" not in told


def test_the_state_directory_may_be_in_the_environment(run, state) -> None:
    """Without --state-dir it is the one that the environment names."""
    run("configmap", "create", "limits", EVERAI_AUTOSCALER_STATE=str(state))

    assert {} == kept(state, "ConfigMap", "limits")


@BOTH
@pytest.mark.parametrize(
    "arguments", [("list",), ("get", "limits"), ("delete", "limits"), ("update", "limits", "--remove", "a")]
)
def test_only_create_makes_a_state_directory(run_here, state, command: str, kind: str, arguments) -> None:
    """Whoever misspells it is told that there is nothing, and leaves nothing behind."""
    result = run_here(command, *arguments)

    assert f"error: there is nothing in the state directory {state} yet: everai-autoscaler {command} create NAME\n" == (
        result.stderr
    )
    assert (2, "", False) == (result.exit_code, result.stdout, state.exists())


@pytest.mark.parametrize("by", ["variable", "option"])
def test_a_home_in_a_state_directory_is_meant(run, tmp_path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """No shell has seen the ``~`` of a variable in a file, nor that of ``--state-dir=~/state``."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    if by == "variable":
        run("configmap", "create", "limits", EVERAI_AUTOSCALER_STATE="~/state")
    else:
        run("configmap", "create", "limits", "--state-dir=~/state")

    assert [tmp_path / "state"] == list(tmp_path.iterdir())
    assert {} == kept(tmp_path / "state", "ConfigMap", "limits")


def test_a_state_directory_that_is_none_is_one_line(run, tmp_path) -> None:
    """A path that can't be a directory is refused with why."""
    (tmp_path / "file").write_text("")
    result = run("configmap", "list", "--state-dir", tmp_path / "file" / "state")

    assert (2, f"error: state directory {tmp_path}/file/state: can't be used: Not a directory\n") == (
        result.exit_code,
        result.stderr,
    )


def test_what_is_watched_as_yaml_is_a_document_each_time(run_here) -> None:
    """A program that reads the stream gets each look by itself, rather than all of them as one list."""
    run_here("configmap", "create", "limits", "--from-literal", "a=1")
    shown = run_here("configmap", "list", "-o", "yaml", "--watch", "0.01s", "--times", "3").stdout

    assert [["limits"]] * 3 == [[one["metadata"]["name"] for one in look] for look in yaml.safe_load_all(shown)]


@pytest.mark.parametrize("command", ["configmap", "secret"])
def test_lists_can_be_watched(run_here, command: str) -> None:
    """With --watch what is there is shown again and again."""
    run_here(command, "create", "limits", "--from-literal", "a=1")
    lists = [
        run_here(command, *what, "--watch", "0.01s", "--times", "3").stdout.split("\n\n")
        for what in (("list",), ("get", "limits"))
    ]

    assert [3, 3] == [len(tables) for tables in lists]
