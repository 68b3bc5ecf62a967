"""verl's platform plugin for the device "cpu", selected where there is no accelerator.

verl probes platforms in the order of their registration, so this one comes last.
"""

import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch
from verl.plugin.platform.platform_base import PlatformBase
from verl.plugin.platform.platform_manager import PlatformRegistry

__all__ = ["CpuPlatform", "register_cpu_platform"]


class _CpuModule(types.ModuleType):
    """``torch.cpu`` with the functions of ``torch.cuda`` that verl calls.

    The memory it reports is the machine's.
    """

    def __init__(self) -> None:
        super().__init__("torch.cpu")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(torch.cpu, name)

    @staticmethod
    def is_available() -> bool:
        """Return ``False``: there is no accelerator memory for verl to manage."""
        return False

    @staticmethod
    def get_device_name(*_: Any) -> str:
        """Return "CPU", the name by which verl looks up peak FLOPS."""
        return "CPU"

    @staticmethod
    def mem_get_info(*_: Any) -> tuple[int, int]:
        """Return free and total memory in bytes."""
        memory = psutil.virtual_memory()
        return memory.available, memory.total

    @staticmethod
    def get_rng_state(*_: Any) -> torch.Tensor:
        """Return the state of torch's random generator."""
        return torch.get_rng_state()

    @staticmethod
    def set_rng_state(state: torch.Tensor, *_: Any) -> None:
        """Set the state of torch's random generator."""
        torch.set_rng_state(state)

    @staticmethod
    def _do_nothing(*_: Any, **__: Any) -> None:
        """Do nothing."""

    @staticmethod
    def _return_zero(*_: Any, **__: Any) -> int:
        """Return 0: device memory is not tracked."""
        return 0

    empty_cache = ipc_collect = reset_peak_memory_stats = _do_nothing
    manual_seed = manual_seed_all = set_device = synchronize = _do_nothing
    memory_allocated = memory_reserved = _return_zero
    max_memory_allocated = max_memory_reserved = _return_zero


CPU_MODULE = _CpuModule()


class CpuPlatform(PlatformBase):
    """verl platform whose only device is the CPU; ``PlatformBase`` specifies the methods."""

    @property
    def device_name(self) -> str:
        """Return "cpu", the device name for ``torch.device``."""
        return "cpu"

    @property
    def vendor_name(self) -> str:
        """Return the platform's vendor name, "cpu"."""
        return "cpu"

    @property
    def device_module(self) -> types.ModuleType:
        """Return the module that verl uses in place of ``torch.cuda``."""
        return CPU_MODULE

    def is_available(self) -> bool:
        """Return ``True``: every machine has a processor."""
        return True

    def is_platform_available(self, use_smi_check: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002 - verl's
        """Return whether to select this platform; verl probes it after the accelerators'."""
        return not torch.cuda.is_available()

    def current_device(self) -> str:
        """Return the current device, "cpu", for ``Tensor.to``."""
        return "cpu"

    def device_count(self) -> int:
        """Return 1: the processor is one device."""
        return 1

    def set_device(self, device_index: int) -> None:
        """Do nothing: there is one device."""

    def synchronize(self, device_index: int | None = None) -> None:
        """Do nothing: calls on the CPU are synchronous."""

    def manual_seed(self, seed: int) -> None:
        """Seed torch's random generator."""
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        """Seed torch's random generator, the only one."""
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        """Do nothing: the CPU has no caching allocator."""

    def empty_cache(self) -> None:
        """Do nothing: the CPU has no memory cache."""

    def get_device_capability(self, device_index: int = 0) -> tuple[int | None, int | None]:  # noqa: ARG002
        """Return ``(None, None)``: a CPU has no CUDA compute capability."""
        return None, None

    def communication_backend_name(self) -> str:
        """Return "gloo", the backend of ``torch.distributed``."""
        return "gloo"

    def visible_devices_envvar(self) -> str:
        """Return the variable name of visible devices; it has no effect on a CPU."""
        return "CUDA_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:  # noqa: ARG002
        """Do nothing: there is no NVTX."""
        yield

    def profiler_start(self) -> None:
        """Do nothing: there is no device profiler."""

    def profiler_stop(self) -> None:
        """Do nothing: there is no device profiler."""

    def ray_resource_name(self) -> str:
        """Return the Ray resource of a worker; the CPU configurations declare one "GPU" each."""
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        """Return an empty list: Ray needs no variables that keep visible devices unset."""
        return []

    def is_ipc_supported(self) -> bool:
        """Return ``False``: there is no device IPC; weights go through shared memory."""
        return False

    def cudart(self) -> None:
        """Return ``None``: there is no CUDA runtime."""


def register_cpu_platform() -> None:
    """Register :class:`CpuPlatform` with verl and patch ``torch.distributed`` for it."""
    PlatformRegistry.register(platform="cpu")(CpuPlatform)
    _accept_duplicate_backend()


def _accept_duplicate_backend() -> None:
    """Let ``init_process_group`` accept "cpu:gloo,cpu:gloo", which torch rejects.

    verl builds this string from the device name: "cpu:gloo,{device}:{backend}".
    """
    original = torch.distributed.init_process_group
    if original.__module__ == __name__:
        return

    def init_process_group(backend: str | None = None, *args: Any, **kwargs: Any) -> Any:
        return original("cpu:gloo" if backend == "cpu:gloo,cpu:gloo" else backend, *args, **kwargs)

    torch.distributed.init_process_group = init_process_group
