"""The network guard itself."""

import socket

import pytest
from _pytest.outcomes import Failed


def test_the_guard_refuses_the_network():
    with socket.socket() as out, pytest.raises(Failed, match="tried to connect"):
        out.connect(("192.0.2.1", 80))


def test_the_guard_lets_loopback_through():
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
