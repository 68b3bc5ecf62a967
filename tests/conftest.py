"""Shared by all tests: no network but loopback, no progress bars, and quick access to the built-in group."""

import os
import socket

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import pytest

from gsim_env.groups import Group, load_group

LOOPBACK = ("127.", "::1", "localhost")
_connect = socket.socket.connect


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that tries to reach anything but this machine (invariant 7)."""

    def connect(self: socket.socket, address):
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(LOOPBACK):
            pytest.fail(f"the test tried to connect to {address!r}")
        return _connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(scope="session")
def group() -> Group:
    return load_group("food_delivery")
