"""Who is let in at the admin side."""

from __future__ import annotations

import pytest

from everai_autoscaler.http.gate import Gate

JSON = {"Content-Type": "application/json"}


def _status(gate, method="GET", path="/api/status", headers=None, **more):
    refusal = gate.refusal(method, path, {"Host": "127.0.0.1:8081", **(headers or {})}, **more)
    return None if refusal is None else refusal.status


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8081", "localhost:9000", "LOCALHOST.", "[::1]:8081", "127.9.9.9"]
)
def test_every_name_of_the_loopback_interface_is_let_in(host):
    """Also on another port: it may be forwarded."""
    assert None is _status(Gate("127.0.0.1", None), headers={"Host": host})


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "10.0.0.1:8081", "localhost.evil.example"]
)
@pytest.mark.parametrize("path", ["/", "/api/status", "/api/pause", "/metrics", "/readyz", "/static/page.js"])
def test_a_name_that_leads_here_by_a_trick_is_refused(host, path):
    """DNS rebinding: a foreign name that suddenly means this machine."""
    assert 403 == _status(Gate("127.0.0.1", None), path=path, headers={"Host": host})


@pytest.mark.parametrize(
    "host",
    [
        *("[::1", "::1", "[::1]x", "[::1]x:a", "[::1]:80:80", "[127.0.0.1]", "[127.0.0.1]x:a", "[localhost]", "[]"),
        *("127.0.0.1:x", "127.0.0.1:-1", "127.0.0.1:80:80", "localhost:\N{SUPERSCRIPT TWO}", "a@localhost", ":8081"),
    ],
)
def test_what_is_no_host_is_refused(host):
    """However much of it looks like one."""
    assert 403 == _status(Gate("127.0.0.1", None), headers={"Host": host})


@pytest.mark.parametrize("host", ["::1", "fe80::1%eth0"])
def test_an_address_with_colons_stands_in_brackets(host):
    """As it does in the address of the page."""
    gate = Gate(host, "secret")

    assert None is _status(gate, headers={"Host": f"[{host}]:8081"}, token="secret")
    assert 403 == _status(gate, headers={"Host": host}, token="secret")


def test_the_configured_host_is_let_in_and_its_neighbours_are_not():
    """Whatever the port."""
    gate = Gate("gpu-1.lan", "secret")

    assert None is _status(gate, headers={"Host": "GPU-1.lan:8081"}, token="secret")
    assert 403 == _status(gate, headers={"Host": "gpu-2.lan:8081"}, token="secret")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_who_listens_everywhere_has_every_name_but_asks_for_the_token(host):
    """A machine has names that it doesn't know of."""
    gate = Gate(host, "secret")

    assert None is _status(gate, headers={"Host": "gpu-1.lan"}, token="secret")
    assert 401 == _status(gate, headers={"Host": "gpu-1.lan"})


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:3000", "http://localhost:8081", "http://[::1", ""]
)
def test_another_sites_page_changes_nothing(origin):
    """Not even one of another port of this machine."""
    assert 403 == _status(Gate("127.0.0.1", None), "POST", "/api/pause", {"Origin": origin, **JSON})


def test_its_own_page_may_change_things():
    """The origin is the host that was asked for."""
    headers = {"Origin": "http://127.0.0.1:8081", "Sec-Fetch-Site": "same-origin", **JSON}

    assert None is _status(Gate("127.0.0.1", None), "POST", "/api/pause", headers)


def test_who_is_no_browser_sends_no_origin():
    """A program, curl say, may change things."""
    assert None is _status(Gate("127.0.0.1", None), "POST", "/api/pause", JSON)


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_form_could_send_changes_nothing(media_type):
    """A form of another site can send these without asking; it can't send JSON."""
    assert 415 == _status(Gate("127.0.0.1", None), "PUT", "/api/configmaps/x", {"Content-Type": media_type})


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_reads_nothing_but_may_link_here(site):
    """A link leads to the page; the rest isn't embedded anywhere."""
    gate = Gate("127.0.0.1", None)

    assert None is _status(gate, path="/", headers={"Sec-Fetch-Site": site})
    assert 403 == _status(gate, path="/api/events", headers={"Sec-Fetch-Site": site})


@pytest.mark.parametrize("path", ["/", "/api/status", "/metrics", "/readyz", "/static/page.js", "/api/events"])
def test_with_a_token_nothing_is_shown_without_it(path):
    """Neither the page nor anything that it consists of."""
    gate = Gate("0.0.0.0", "secret")

    assert 401 == _status(gate, path=path)
    assert 401 == _status(gate, path=path, headers={"Authorization": "Bearer secre"})
    assert 401 == _status(gate, path=path, headers={"Authorization": "Basic secret"})
    assert 401 == _status(gate, path=path, token="secret2", cookie="secret")
    assert None is _status(gate, path=path, headers={"Authorization": "bearer secret"})


@pytest.mark.parametrize("path", ["/static/style.css", "/static/icon.svg"])
def test_what_the_form_looks_like_is_shown_without_the_token(path):
    """To whoever asks for it by a name of this machine, and to no page of another site."""
    gate = Gate("gpu-1.lan", "secret", public={"/static/style.css", "/static/icon.svg"})

    assert None is _status(gate, path=path)
    assert 403 == _status(gate, path=path, headers={"Host": "evil.example"})
    assert 403 == _status(gate, path=path, headers={"Sec-Fetch-Site": "cross-site"})


def test_a_browser_keeps_something_else_than_the_token():
    """What lies in its cookies lets in, and isn't the token."""
    gate = Gate("0.0.0.0", "secret")

    assert None is _status(gate, cookie=gate.cookie)
    assert "secret" not in gate.cookie
    assert Gate("0.0.0.0", "other").cookie != gate.cookie


def test_a_token_that_is_no_ascii_is_compared_too():
    """Whatever is given is only wrong."""
    assert 401 == _status(Gate("0.0.0.0", "sécret"), headers={"Authorization": "Bearer s\udcff"})


def test_without_a_token_nothing_counts_as_one():
    """An empty cookie isn't the pass of nobody's token."""
    assert not Gate("127.0.0.1", None).is_token("")


@pytest.mark.parametrize("host", ["evil.example", "10.2.3.4:8081", ""])
def test_whoever_watches_the_process_needs_nothing(host):
    """It may ask by any address, and tells nothing but that it lives."""
    assert None is _status(Gate("0.0.0.0", "secret"), path="/healthz", headers={"Host": host})
    assert None is _status(Gate("127.0.0.1", None), path="/healthz", headers={"Host": host})
