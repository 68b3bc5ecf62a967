"""The platform "cpu".

Verl probes it last, so that it is chosen where there is no accelerator and only there.
"""

import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch
from verl.plugin.platform.platform_base import PlatformBase
from verl.plugin.platform.platform_manager import PlatformRegistry

__all__ = ["CpuPlatform"]


class CpuModule(types.ModuleType):
    """``torch.cpu`` with what verl calls on ``torch.cuda`` besides.

    Memory of the device is the machine's.
    """

    def __init__(self) -> None:
        super().__init__("torch.cpu")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(torch.cpu, name)

    @staticmethod
    def is_available() -> bool:
        """Say that there is no accelerator, so that verl leaves its memory alone."""
        return False

    @staticmethod
    def get_device_name(*_: Any) -> str:
        """Return the name under which verl looks up peak FLOPS."""
        return "CPU"

    @staticmethod
    def mem_get_info(*_: Any) -> tuple[int, int]:
        """Return free and total memory in bytes."""
        memory = psutil.virtual_memory()
        return memory.available, memory.total

    @staticmethod
    def get_rng_state(*_: Any) -> torch.Tensor:
        """Return the state of torch's generator."""
        return torch.get_rng_state()

    @staticmethod
    def set_rng_state(state: torch.Tensor, *_: Any) -> None:
        """Set the state of torch's generator."""
        torch.set_rng_state(state)


def nothing(*_: Any, **__: Any) -> None:
    """Do nothing."""


def zero(*_: Any, **__: Any) -> int:
    """Return 0."""
    return 0


NOTHING = "empty_cache ipc_collect manual_seed manual_seed_all reset_peak_memory_stats set_device synchronize"
ZERO = "max_memory_allocated max_memory_reserved memory_allocated memory_reserved"
for name in NOTHING.split():
    setattr(CpuModule, name, staticmethod(nothing))
for name in ZERO.split():
    setattr(CpuModule, name, staticmethod(zero))

MODULE = CpuModule()


@PlatformRegistry.register(platform="cpu")
class CpuPlatform(PlatformBase):
    """A machine's processor as verl's one device; methods as in ``PlatformBase``."""

    @property
    def device_name(self) -> str:
        """Name for ``torch.device``."""
        return "cpu"

    @property
    def vendor_name(self) -> str:
        """Name of the maker, which tells nothing here."""
        return "cpu"

    @property
    def device_module(self) -> types.ModuleType:
        """What stands for ``torch.cuda``."""
        return MODULE

    def is_available(self) -> bool:
        """Say that there is a processor."""
        return True

    def is_platform_available(self, use_smi_check: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002 - verl's
        """Say whether this is the platform to choose.

        Verl has asked those with accelerators before.
        """
        return not torch.cuda.is_available()

    def current_device(self) -> str:
        """Return what verl gives to ``Tensor.to``."""
        return "cpu"

    def device_count(self) -> int:
        """Count one device."""
        return 1

    def set_device(self, device_index: int) -> None:
        """Do nothing: there is one."""

    def synchronize(self, device_index: int | None = None) -> None:
        """Do nothing: calls return when they are done."""

    def manual_seed(self, seed: int) -> None:
        """Seed torch."""
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        """Seed torch."""
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        """Do nothing."""

    def empty_cache(self) -> None:
        """Do nothing."""

    def get_device_capability(self, device_index: int = 0) -> tuple[int | None, int | None]:  # noqa: ARG002
        """Return that there is none."""
        return None, None

    def communication_backend_name(self) -> str:
        """Return gloo.

        Verl asks just before it joins the process group, which is when it must be mended.
        """
        accept_doubled_backend()
        return "gloo"

    def visible_devices_envvar(self) -> str:
        """Return the variable that verl sets for its workers; it hides nothing here."""
        return "CUDA_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:  # noqa: ARG002
        """Mark nothing."""
        yield

    def profiler_start(self) -> None:
        """Do nothing."""

    def profiler_stop(self) -> None:
        """Do nothing."""

    def ray_resource_name(self) -> str:
        """Return the Ray resource that a worker takes.

        The recipes' CPU configurations declare one "GPU" a worker.
        """
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        """Return no variables."""
        return []

    def is_ipc_supported(self) -> bool:
        """Say no: weights are synchronized through shared memory."""
        return False

    def cudart(self) -> None:
        """Return that there is none."""


def accept_doubled_backend() -> None:
    """Let ``init_process_group`` take "cpu:gloo,cpu:gloo", which verl builds of a device named cpu, for "cpu:gloo"."""
    original = torch.distributed.init_process_group
    if original.__module__ == __name__:
        return

    def init_process_group(backend: str | None = None, *args: Any, **kwargs: Any) -> Any:
        return original("cpu:gloo" if backend == "cpu:gloo,cpu:gloo" else backend, *args, **kwargs)

    torch.distributed.init_process_group = init_process_group
