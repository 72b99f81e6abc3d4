"""A scaler as a file describes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from everai_autoscaler.cli.options.manifest import read_app, read_manifest
from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import Placeholder

BARE = {
    "name": "simple",
    "arguments": {
        "min_workers": {"valueFrom": {"configMapKeyRef": {"name": "c", "key": "least"}}},
        "max_workers": {"value": "5"},
        "max_queue_size": 2,
        "max_idle_time": {"valueFrom": {"secretKeyRef": {"name": "s", "key": "idle"}}},
        "scale_up_step": {"placeholder": {"kind": "Env", "name": "STEP"}},
        "start_timeout": {"placeholder": {"kind": "File", "name": "/etc/app", "key": "timeout"}},
    },
    "decorators": {"factors": [{"name": "average", "arguments": {"used_histories": {"value": "3"}}}]},
}


@pytest.mark.parametrize(
    "document",
    [
        BARE,
        {"builtin": BARE},
        {"autoscaler": {"scheduler": "queue", "builtin": BARE}},
        {"kind": "App", "spec": {"image": "x", "autoscaler": {"builtin": BARE}}},
        {"autoscaler": BARE},
    ],
)
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_every_form_says_the_same(tmp_path, document, suffix):
    """An app's manifest, its autoscaler section, its builtin section and the bare form are all understood."""
    path = tmp_path / f"scaler.{suffix}"
    path.write_text(json.dumps(document))
    described = read_manifest(path)

    assert "simple" == described.name
    assert {
        "min_workers": Placeholder(kind="ConfigMap", name="c", key="least"),
        "max_workers": "5",
        "max_queue_size": 2,
        "max_idle_time": Placeholder(kind="Secret", name="s", key="idle"),
        "scale_up_step": Placeholder(kind="Env", name="STEP"),
        "start_timeout": Placeholder(kind="File", name="/etc/app", key="timeout"),
    } == described.arguments
    assert ("average", {"used_histories": "3"}) == (
        described.decorators.factors[0].name,
        described.decorators.factors[0].arguments,
    )


def test_scalers_inside_have_arguments_too(tmp_path):
    """A mapping with a name is a scaler, in a list as well; placeholders in it stay late, however deep they are."""
    most = {"valueFrom": {"configMapKeyRef": {"name": "c", "key": "most"}}}
    inner = {"name": "simple", "arguments": {"max_workers": most, "max_queue_size": {"value": "2"}}}
    document = {
        "name": "cooldown",
        "arguments": {
            "up": 60,
            "scaler": {"name": "max", "arguments": {"scalers": [inner, {"name": "free-worker"}]}},
        },
    }
    path = tmp_path / "scaler.yaml"
    path.write_text(json.dumps(document))

    late = Placeholder(kind="ConfigMap", name="c", key="most")
    simple = {"name": "simple", "arguments": {"max_workers": late, "max_queue_size": "2"}}
    assert {
        "up": 60,
        "scaler": {"name": "max", "arguments": {"scalers": [simple, {"name": "free-worker"}]}},
    } == read_manifest(path).arguments


def test_a_decorator_may_have_late_arguments(tmp_path):
    """What holds for a scaler's arguments holds for a decorator's."""
    path = tmp_path / "scaler.yaml"
    path.write_text(
        "{name: simple, decorators: {arguments: [{name: time-match, arguments: {timezone: {valueFrom: "
        "{configMapKeyRef: {name: c, key: zone}}}}}]}}"
    )

    zone = read_manifest(path).decorators.arguments[0].arguments["timezone"]
    assert Placeholder(kind="ConfigMap", name="c", key="zone") == zone


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "null is not a mapping"),
        ("[1]", "[1] is not a mapping"),
        ("name: [", "line 1: is not YAML"),
        ("image: x", "describes no scaler: it has neither autoscaler, nor builtin, nor name"),
        (
            "autoscaler: {scheduler: fifo, builtin: {name: simple}}",
            'autoscaler: scheduler: "fifo" given, should be queue',
        ),
        ("{scheduler: 3, builtin: {name: simple}}", ": scheduler: 3 given, should be queue"),
        ("builtin: {arguments: {}}", "builtin.name: a scaler's name is missing"),
        ("name: 3", ".name: a scaler's name is missing"),
        ("name: 2024-13-45", "is not YAML: month must be in 1..12"),
        ("[" * 700, "is nested too deeply"),
        ("name: simple\n---\nname: max", "holds 2 documents, should be one"),
        (
            "name: simple\narguments:\n  max_workers: 5\n  max_workers: 8",
            "line 4: key 'max_workers' is there already, in line 3",
        ),
        ("&a [*a]", "a list is not a mapping"),
        ("{name: simple, argument: {}}", "argument is not one of name, arguments, decorators"),
        ("{name: simple, autoscaler: {name: max}}", "autoscaler is not one of name, arguments, decorators"),
        ("{name: simple, arguments: [1]}", ".arguments: [1] is not a mapping"),
        ("{name: simple, arguments: {max_workers: null}}", ".arguments.max_workers: null is not a text, a number"),
        ("{name: simple, arguments: {max_workers: true}}", ".arguments.max_workers: true is not a text, a number"),
        ("{name: simple, arguments: {a: {value: [1]}}}", ".arguments.a: [1] is not a text"),
        ("{name: max, arguments: {scalers: [3]}}", ".arguments.scalers[0]: 3 is not a mapping"),
        (
            "{name: max, arguments: {scalers: [{name: simple, arguments: {max_workers: null}}]}}",
            ".arguments.scalers[0].arguments.max_workers: null is not a text, a number",
        ),
        (
            "{name: simple, decorators: {factors: [{name: average, arguments: {a: {name: simple}}}]}}",
            '.factors.0.arguments.a: {"name": "simple"} is not a text',
        ),
        (
            "{name: simple, arguments: {a: {valueFrom: {fieldRef: {}}}}}",
            "fieldRef is not one of configMapKeyRef, secret",
        ),
        ("{name: simple, arguments: {a: {valueFrom: {secretKeyRef: {name: s}}}}}", "secretKeyRef.key: is missing"),
        (
            "{name: simple, arguments: {a: {valueFrom: {configMapKeyRef: {name: s, key: k}, secretKeyRef: {}}}}}",
            "configMapKeyRef, secretKeyRef is not one of configMapKeyRef, secretKeyRef, tunedKeyRef",
        ),
        (
            "{name: simple, arguments: {a: {valueFrom: {secretKeyRef: {name: s, key: k, kind: ConfigMap}}}}}",
            "secretKeyRef: kind is not one of name, key",
        ),
        ("{name: simple, arguments: {a: {placeholder: {name: s}}}}", "placeholder.kind: is missing"),
        ("{name: simple, arguments: {a: {placeholder: {kind: Env, name: s, kye: x}}}}", "kye is not one of"),
        ("{name: simple, decorators: {factor: []}}", ".decorators: factor is not one of arguments, factors"),
        ("{name: simple, decorators: {factors: {}}}", ".decorators.factors: {} is not a list of decorators"),
        ("{name: simple, decorators: {factors: [{arguments: {}}]}}", ".factors.0.name: a decorator's name is missing"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, text, told):
    """Each error says the file, the path in it, what was given and what is accepted."""
    path = tmp_path / "scaler.yaml"
    path.write_text(text)

    with pytest.raises(ContractError) as raised:
        read_manifest(path)

    assert told in str(raised.value)
    assert str(raised.value).startswith(str(path))


def test_bad_json_names_its_line(tmp_path):
    """A .json file is read as JSON, and its line is named."""
    path = tmp_path / "scaler.json"
    path.write_text('{\n"name": simple}')

    with pytest.raises(ContractError, match="line 2: is not JSON"):
        read_manifest(path)


def test_a_key_that_json_has_twice_is_refused(tmp_path):
    """Neither of the two values is dropped in silence."""
    path = tmp_path / "scaler.json"
    path.write_text('{"name": "simple", "arguments": {"max_workers": 5, "max_workers": 8}}')

    with pytest.raises(ContractError, match="can't be read: key 'max_workers' is twice in a mapping"):
        read_manifest(path)


def test_what_is_merged_may_be_overridden(tmp_path):
    """A key that YAML's merge brings is no second one, wherever it is used again."""
    path = tmp_path / "scaler.yaml"
    path.write_text(
        "spec:\n"
        "  limits: &limits {max_workers: 5, max_idle_time: 60}\n"
        "  deep: {deep: {deep: &more {<<: *limits, max_workers: 8}}}\n"
        "  autoscaler: {builtin: {name: simple, arguments: {<<: *more, max_idle_time: 30}}}\n"
    )

    assert {"max_workers": 8, "max_idle_time": 30} == read_manifest(path).arguments


def test_bytes_that_are_no_text_are_refused(tmp_path):
    """A file that isn't UTF-8 is an error that says so."""
    path = tmp_path / "scaler.yaml"
    path.write_bytes(b"name: \xff")

    with pytest.raises(ContractError, match="is not UTF-8 text"):
        read_manifest(path)


APP = {
    "version": "everai/v1alpha1",
    "kind": "App",
    "metadata": {"name": "get-start"},
    "spec": {"image": "x", "resource": {"cpu": 1}, "autoscaler": {"scheduler": "queue", "builtin": BARE}},
}
LOCAL = {"command": "app {port}"}


def an_app(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "manifest.yaml"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("document", [{**APP, "local": LOCAL}, {**APP, "spec": {**APP["spec"], "local": LOCAL}}])
def test_an_app_has_a_name_a_scaler_and_how_it_is_run_here(tmp_path, document):
    """The platform's manifest is read as it is; the section ``local`` may be at the top, or in ``spec``."""
    app = read_app(an_app(tmp_path, document))

    assert ("get-start", LOCAL, tmp_path) == (app.name, app.settings, app.directory)
    assert read_manifest(an_app(tmp_path, BARE)) == app.description


def test_an_app_without_a_name_is_called_like_its_file(tmp_path):
    """Where there is no metadata, the name is the file's; the scaler's own name is none of an app."""
    assert "manifest" == read_app(an_app(tmp_path, {**BARE, "local": LOCAL})).name


def test_an_app_need_not_say_how_it_is_run_here(tmp_path):
    """A manifest as the platform has it has no section ``local``: whoever runs it here says what is missing."""
    assert read_app(an_app(tmp_path, APP)).settings is None


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path):
    """Some editors write one."""
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(APP), "utf-8-sig")

    assert "get-start" == read_app(path).name


def test_what_is_wrong_in_local_is_for_its_reader(tmp_path):
    """The section is given as it stands, whatever it holds."""
    assert [1] == read_app(an_app(tmp_path, {**APP, "local": [1]})).settings


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([1], "[1] is not a mapping"),
        ({**APP, "metadata": [1]}, "metadata: [1] is not a mapping"),
        ({**APP, "metadata": {"name": 3}}, "metadata.name: 3 is not an app's name"),
        ({**APP, "metadata": {"name": ""}}, 'metadata.name: "" is not an app\'s name'),
        ({"metadata": {"name": "a"}, "local": LOCAL}, "describes no scaler"),
    ],
)
def test_what_is_wrong_with_an_app_is_named_with_its_place(tmp_path, document, told):
    """Each error says the file, the path in it, what was given and what is accepted."""
    path = an_app(tmp_path, document)
    with pytest.raises(ContractError) as raised:
        read_app(path)

    assert told in str(raised.value)
    assert str(raised.value).startswith(str(path))


def test_an_argument_that_a_tuner_sets(tmp_path):
    """It names the app and the argument."""
    path = tmp_path / "scaler.yaml"
    path.write_text(
        "{name: simple, arguments: {max_workers: {valueFrom: {tunedKeyRef: {name: app, key: max_workers}}}}}"
    )

    assert {"max_workers": Placeholder(kind="Tuned", name="app", key="max_workers")} == read_manifest(path).arguments
