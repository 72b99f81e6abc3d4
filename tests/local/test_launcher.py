"""What a worker's process is started with."""

from __future__ import annotations

import socket

import pytest

from everai_autoscaler.local.launcher import free_port


def test_a_port_is_free_and_below_the_ephemeral_ones() -> None:
    """Nobody listens there, and no connection can take it by chance."""
    ports = [free_port() for _ in range(20)]

    assert 10 < len(set(ports))
    assert all(1024 < port < 32768 for port in ports)


def test_a_port_that_is_taken_is_not_given() -> None:
    """A port of ours, and one on which somebody listens, are passed over; when none is left it is said."""
    with socket.socket() as listener:
        port = free_port()
        listener.bind(("127.0.0.1", port))
        listener.listen()
        taken = set(range(65536)) - {port}

        with pytest.raises(OSError, match="no port from"):
            free_port(taken)
