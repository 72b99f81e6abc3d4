"""Where late values come from, and what is said when they come from nowhere."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everai_autoscaler import Decider
from everai_autoscaler.builtin import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.builtin.placeholders import (
    CONFIGMAPS_VARIABLE,
    SECRETS_VARIABLE,
    read_configmap,
    read_env,
    read_file,
    read_secret,
    read_tuned,
)
from everai_autoscaler.errors import ArgumentError, PlaceholderError
from everai_autoscaler.model import Factors, Placeholder
from everai_autoscaler.model.late import source_of

PROVIDED = pytest.mark.parametrize(
    ("kind", "read", "variable"),
    [("ConfigMap", read_configmap, CONFIGMAPS_VARIABLE), ("Secret", read_secret, SECRETS_VARIABLE)],
    ids=["ConfigMap", "Secret"],
)
REFUSED = ["", ".", "..", "..data", "../outside", "a/b", "a\\b", "/etc/passwd"]
IMPOSSIBLE = ["\0", "\ud800", "a" * 300]


def mounted(directory, **data):
    """*directory* with *data* as Kubernetes mounts it: the keys are links into a version behind ``..data``."""
    directory.mkdir(exist_ok=True)
    version = directory / f"..2026_01_01_00_00_00.{len(list(directory.iterdir()))}"
    version.mkdir()
    for key, value in data.items():
        (version / key).write_text(value)
        if not (directory / key).is_symlink():
            (directory / key).symlink_to(f"..data/{key}")
    (directory / "..data_tmp").symlink_to(version.name)
    (directory / "..data_tmp").rename(directory / "..data")
    return directory


def refusal(read, name, key=""):
    """The one line in which *read* says that it has no value."""
    with pytest.raises(PlaceholderError) as raised:
        read(name, key)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.fixture(autouse=True)
def _nobody_provides(monkeypatch):
    monkeypatch.delenv(CONFIGMAPS_VARIABLE, raising=False)
    monkeypatch.delenv(SECRETS_VARIABLE, raising=False)
    monkeypatch.delitem(sys.modules, "everai.app.context", raising=False)


class TestEnv:
    def test_gives_the_variable_now(self, monkeypatch):
        """An Env placeholder gives what the variable says at each reading, untouched."""
        monkeypatch.setenv("MAX_WORKERS", "5")
        late = Placeholder(kind="Env", name="MAX_WORKERS")
        before = late()
        monkeypatch.setenv("MAX_WORKERS", " 7\n")

        assert ("5", " 7\n") == (before, late())

    def test_refuses_a_key(self, monkeypatch):
        """A variable has no keys, so that asking for one is a mistake, even where the variable is there."""
        monkeypatch.setenv("MAX_WORKERS", "5")

        assert "Env MAX_WORKERS/key: an environment variable has no key" == refusal(read_env, "MAX_WORKERS", "key")

    def test_says_which_variable_is_missing(self, monkeypatch):
        """A variable that isn't there is named; an empty one is there."""
        monkeypatch.delenv("MAX_WORKERS", raising=False)
        monkeypatch.setenv("EMPTY", "")

        assert "Env MAX_WORKERS: no such environment variable" == refusal(read_env, "MAX_WORKERS")
        assert "" == read_env("EMPTY", "")

    @given(name=st.text())
    @example(name="")
    @example(name="\0")
    @example(name="\ud800")
    def test_knows_no_other_error(self, name):
        """Whatever the name, it is the variable's value, or a PlaceholderError."""
        try:
            value = read_env(name, "")
        except PlaceholderError:
            value = None

        encodable = not any("\ud800" <= character <= "\udfff" for character in name)
        assert (os.environ.get(name) if encodable else None) == value


class TestFile:
    def test_gives_a_file_without_white_space_at_its_end(self, tmp_path):
        """A file's content is the value; the newline that editors leave isn't part of it."""
        (tmp_path / "max").write_text(" 5 \r\n\n")

        assert " 5" == read_file(str(tmp_path / "max"), "")

    def test_gives_a_key_of_a_directory(self, tmp_path):
        """A directory holds keys, each a file."""
        (tmp_path / "max_workers").write_text("5")

        assert "5" == Placeholder(kind="File", name=str(tmp_path), key="max_workers")()

    def test_follows_kubernetes(self, tmp_path):
        """In a mounted ConfigMap the keys are links to a version, and the next reading sees the next version."""
        directory = mounted(tmp_path / "config", max_workers="5")
        before = read_file(str(directory), "max_workers")
        mounted(directory, max_workers="7")

        assert ("5", "7") == (before, read_file(str(directory), "max_workers"))

    def test_lists_the_keys_that_there_are(self, tmp_path):
        """A missing key lists those that there are, in order, without the links by which Kubernetes keeps versions."""
        directory = mounted(tmp_path / "config", min_workers="1", max_workers="5")

        expected = f"File {directory}/max: no such file; there are max_workers, min_workers"
        assert expected == refusal(read_file, str(directory), "max")

    def test_lists_no_more_than_a_line_can_hold(self, tmp_path):
        """Of many keys the first twenty are listed, and how many more there are."""
        for number in range(10, 33):
            (tmp_path / f"key{number}").touch()
        listed = refusal(read_file, str(tmp_path), "key").partition("there are ")[2].split(", ")

        assert [*(f"key{number}" for number in range(10, 30)), "and 3 more"] == listed

    def test_of_a_directory_needs_a_key(self, tmp_path):
        """A directory alone is no value; its keys are listed, or that there are none."""
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "a").touch()
        (tmp_path / "empty").mkdir()

        expected = f"File {tmp_path}/{{}}: a directory needs a key, one of {{}}"
        assert expected.format("full", "a") == refusal(read_file, str(tmp_path / "full"))
        assert expected.format("empty", "no entries") == refusal(read_file, str(tmp_path / "empty"))

    def test_has_no_key_of_its_own(self, tmp_path):
        """A key with a file, or with what isn't there, is told apart."""
        (tmp_path / "max").write_text("5")

        assert f"File {tmp_path}/max/key: a file has no key" == refusal(read_file, str(tmp_path / "max"), "key")
        assert f"File {tmp_path}/no/key: no such directory" == refusal(read_file, str(tmp_path / "no"), "key")

    def test_that_is_missing_is_named(self, tmp_path):
        """A missing file is named, with its neighbours; where its directory is missing, too, there are none."""
        (tmp_path / "max").touch()

        assert f"File {tmp_path}/min: no such file; there are max" == refusal(read_file, str(tmp_path / "min"))
        assert f"File {tmp_path}/no/min: no such file" == refusal(read_file, str(tmp_path / "no" / "min"))

    def test_needs_a_name(self):
        """Without a name it isn't the working directory that is read."""

        assert "File /key: a file needs a name, its path" == refusal(read_file, "", "key")

    def test_that_is_not_text_shows_nothing_of_it(self, tmp_path):
        """Content that isn't text is refused, and neither the message nor what caused it holds the content."""
        (tmp_path / "token").write_bytes(b"s3cret\xff")
        with pytest.raises(PlaceholderError) as raised:
            read_file(str(tmp_path), "token")

        assert f"File {tmp_path}/token: its content is not text (UTF-8)" == str(raised.value)
        assert (None, None) == (raised.value.__cause__, raised.value.__context__)

    def test_that_is_a_directory_is_refused(self, tmp_path):
        """A key that is a directory can't be read, and says so as any other."""
        (tmp_path / "deep").mkdir()

        assert refusal(read_file, str(tmp_path), "deep").startswith(f"File {tmp_path}/deep: can't be read: ")

    @pytest.mark.parametrize("key", [key for key in REFUSED if key])
    def test_leads_nowhere_else(self, tmp_path, key):
        """A key is a name in the directory, never a way out of it."""
        (tmp_path / "outside").write_text("not yours")
        (tmp_path / "config" / "a").mkdir(parents=True)
        (tmp_path / "config" / "a" / "b").write_text("nor this")

        expected = f"File {tmp_path}/config/{key}: {key!r} is no name of an entry"
        assert expected == refusal(read_file, str(tmp_path / "config"), key)

    @pytest.mark.parametrize("key", IMPOSSIBLE)
    def test_has_no_key_of_an_impossible_name(self, tmp_path, key):
        """A key that no file can be called is a PlaceholderError as any other."""

        assert refusal(read_file, str(tmp_path), key).startswith(f"File {tmp_path}/{key}: can't be read: ")

    @given(
        key=st.text(max_size=20) | st.lists(st.sampled_from(["..", ".", "/", "\\", "outside", "inside"])).map("".join)
    )
    def test_gives_what_is_in_the_directory_or_nothing(self, tmp_path_factory, key):
        """Whatever the key, it is that of the one file in the directory, or a PlaceholderError."""
        directory = tmp_path_factory.getbasetemp() / "holder" / "config"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "inside").write_text("5")
        (directory.parent / "outside").write_text("not yours")
        try:
            value = read_file(str(directory), key)
        except PlaceholderError:
            value = None

        assert ("5" if key == "inside" else None) == value

    @pytest.mark.parametrize("name", IMPOSSIBLE)
    @pytest.mark.parametrize("key", ["", "key"])
    def test_of_an_impossible_name_is_refused(self, name, key):
        """A name that no file can have is a PlaceholderError as well."""

        assert refusal(read_file, name, key).startswith(f"File {name}")


@PROVIDED
class TestDirectoriesOfConfigMapsAndSecrets:
    def test_give_the_key(self, tmp_path, monkeypatch, kind, read, variable):
        """The directory that the variable names has a mounted directory for each ConfigMap or Secret."""
        mounted(tmp_path / "app", max_workers="5\n")
        monkeypatch.setenv(variable, str(tmp_path))

        assert "5" == read("app", "max_workers")
        assert "5" == Placeholder(kind=kind, name="app", key="max_workers")()

    def test_are_each_their_own(self, tmp_path, monkeypatch, kind, read, variable):
        """Secrets don't come out of the ConfigMaps' directory, nor the other way round."""
        mounted(tmp_path / "app", max_workers="5")
        monkeypatch.setenv(
            {CONFIGMAPS_VARIABLE: SECRETS_VARIABLE, SECRETS_VARIABLE: CONFIGMAPS_VARIABLE}[variable], "/"
        )

        assert f"{kind} app/max_workers: nobody here has {kind}s" in refusal(read, "app", "max_workers")

    def test_list_what_there_is(self, tmp_path, monkeypatch, kind, read, variable):
        """A missing key lists the keys, and a missing name the names, that there are."""
        mounted(tmp_path / "app", min_workers="1", max_workers="5")
        monkeypatch.setenv(variable, str(tmp_path))

        assert f"{kind} app/max: no such file; there are max_workers, min_workers" == refusal(read, "app", "max")
        expected = f"{kind} ap/max: no {kind} of this name in {tmp_path}, which has app"
        assert expected == refusal(read, "ap", "max")

    def test_that_are_not_there_have_no_entries(self, tmp_path, monkeypatch, kind, read, variable):
        """A variable that leads nowhere is one clear line, too."""
        monkeypatch.setenv(variable, str(tmp_path / "no"))

        expected = f"{kind} app/max: no {kind} of this name in {tmp_path}/no, which has no entries"
        assert expected == refusal(read, "app", "max")

    @pytest.mark.parametrize("worthless", REFUSED)
    def test_lead_nowhere_else(self, tmp_path, monkeypatch, kind, read, variable, worthless):
        """Neither a name nor a key is a way out of its directory."""
        mounted(tmp_path, key="not yours")
        (tmp_path / "inner").mkdir()
        mounted(tmp_path / "inner" / "app", key="5")
        monkeypatch.setenv(variable, str(tmp_path / "inner"))

        assert f"{kind} {worthless}/key: {worthless!r} is no name of an entry" == refusal(read, worthless, "key")
        assert f"{kind} app/{worthless}: {worthless!r} is no name of an entry" == refusal(read, "app", worthless)

    @pytest.mark.parametrize("impossible", IMPOSSIBLE)
    def test_have_no_impossible_names(self, tmp_path, monkeypatch, kind, read, variable, impossible):
        """A name or a key that no file can be called is a PlaceholderError as any other."""
        mounted(tmp_path / "app", key="5")
        monkeypatch.setenv(variable, str(tmp_path))

        assert refusal(read, impossible, "key").startswith(f"{kind} {impossible}/key: ")
        assert refusal(read, "app", impossible).startswith(f"{kind} app/{impossible}: can't be read: ")


class Holder:
    """A ConfigMap or a Secret of the platform client: a name, and data."""

    def __init__(self, **data):
        self.data = data

    def get(self, key, default=None):
        return self.data.get(key, default)


class ClientContext:
    """The app's context of the platform client."""

    def __init__(self, configmaps, secrets):
        self.configmaps, self.secrets = configmaps, secrets

    def get_configmap(self, name):
        return self.configmaps.get(name)

    def get_secret(self, name):
        return self.secrets.get(name)


class ClientPlaceholder:
    """The platform client's own placeholder: a callable with a kind, a name and a key."""

    def __init__(self, client, name, key, kind="Secret"):
        self.client, self.name, self.key, self.kind = client, name, key, kind

    def __call__(self):
        context = self.client.context
        holder = context.get_configmap(self.name) if self.kind == "ConfigMap" else context.get_secret(self.name)
        assert holder is not None
        value = holder.get(self.key)
        assert value is not None
        return value


@pytest.fixture
def client(monkeypatch):
    """A stand-in for the platform client's module, whose context, as there, raises outside of an app."""
    present = ContextVar("present")

    class Client(ModuleType):
        @property
        def context(self):
            try:
                return present.get()
            except LookupError:
                raise RuntimeError("\nWorking outside of everai context.\n") from None

        @contextmanager
        def app(self, configmaps=None, secrets=None):
            token = present.set(ClientContext(configmaps or {}, secrets or {}))
            yield
            present.reset(token)

    module = Client("everai.app.context")
    monkeypatch.setitem(sys.modules, "everai.app.context", module)
    return module


@PROVIDED
class TestPlatformClient:
    def test_is_asked_where_it_is_loaded(self, client, kind, read, variable):
        """Inside an app of the platform client, its context has the ConfigMaps and Secrets."""
        with client.app(**{f"{kind.lower()}s": {"app": Holder(max_workers=5)}}):
            value = Placeholder(kind=kind, name="app", key="max_workers")()

        assert "5" == value

    def test_comes_after_the_directory(self, client, tmp_path, monkeypatch, kind, read, variable):
        """Where a directory is named, it alone is asked."""
        mounted(tmp_path / "app", max_workers="7")
        monkeypatch.setenv(variable, str(tmp_path))
        with client.app(**{f"{kind.lower()}s": {"app": Holder(max_workers="5", min_workers="1")}}):
            value = read("app", "max_workers")
            missing = refusal(read, "app", "min_workers")

        assert "7" == value
        assert f"{kind} app/min_workers: no such file; there are max_workers" == missing

    def test_says_what_it_lacks(self, client, kind, read, variable):
        """A missing key lists those that there are; a missing ConfigMap or Secret is told apart from it."""
        with client.app(**{f"{kind.lower()}s": {"app": Holder(min_workers="1", max_workers="5")}}):
            no_key, no_name = refusal(read, "app", "max"), refusal(read, "ap", "max")

        assert f"{kind} app/max: no such key in the app's context; there are max_workers, min_workers" == no_key
        assert f"{kind} ap/max: the app's context has no {kind} of this name" == no_name

    def test_outside_of_an_app_says_so(self, client, kind, read, variable):
        """Where the client is loaded, but no app runs, its own words come in one line."""

        expected = f"{kind} app/max: the app's context can't be asked: Working outside of everai context."
        assert expected == refusal(read, "app", "max")

    def test_that_is_not_loaded_is_not_imported(self, kind, read, variable):
        """Where nobody has them, the line says what to do; the platform client isn't imported to find out."""
        expected = (
            f"{kind} app/max: nobody here has {kind}s; give the Decider a provider, "
            f"or set {variable} to a directory of them"
        )

        assert expected == refusal(read, "app", "max")
        assert "everai.app.context" not in sys.modules


class TestPlaceholdersOfThePlatformClient:
    def test_stay_what_they_are(self, client):
        """The client gets its own objects back, unread, to write them into a manifest."""
        late = ClientPlaceholder(client, "app", "max_workers", kind="ConfigMap")

        assert late is SimpleAutoScaler(max_workers=late).autoscaler_arguments()["max_workers"]

    def test_are_read_by_a_builtin_scaler(self, client):
        """A builtin scaler reads them in its own decide, and fits their text."""
        late = ClientPlaceholder(client, "app", "min_workers", kind="ConfigMap")
        scaler = FreeWorkerAutoScaler(min_workers=late, max_workers=5)
        with client.app(configmaps={"app": Holder(min_workers="3")}):
            result = scaler.decide(Factors(workers=[]))

        assert 3 == result.up

    def test_are_read_by_the_pipeline(self, client):
        """So does the pipeline, which names them as it names its own."""
        late = ClientPlaceholder(client, "app", "min_workers")
        decider = Decider("simple", {"min_workers": late, "max_workers": 5})
        with client.app(secrets={"app": Holder(min_workers="3")}):
            result = decider.decide(Factors(workers=[]))

        assert 3 == result.up
        assert "Secret app/min_workers" == source_of(late)

    def test_that_fail_are_named(self, client):
        """One that fails without a word is named all the same, with the argument."""
        late = ClientPlaceholder(client, "app", "max_workers", kind="ConfigMap")
        with client.app(), pytest.raises(ArgumentError) as raised:
            SimpleAutoScaler(max_workers=late).decide(Factors())

        assert "max_workers: ConfigMap app/max_workers can't be read: " in str(raised.value)


def test_an_unknown_kind_lists_the_kinds():
    """A placeholder of a kind that nobody reads says which kinds there are."""
    with pytest.raises(LookupError, match=r"placeholder kind 'Vault' is not one of .*ConfigMap, Env, File, .*Secret"):
        Placeholder(kind="Vault", name="a")()


def test_what_a_tuner_chose_is_known_to_a_runtime_alone() -> None:
    """Elsewhere the message names the command that has it, and the way without."""
    with pytest.raises(PlaceholderError) as raised:
        read_tuned("app", "rule")

    assert (
        "Tuned app/rule: only a runtime has what its tuner chose: everai-autoscaler run --tune=act; elsewhere give the "
        "argument a value: -a rule=..."
    ) == str(raised.value)
