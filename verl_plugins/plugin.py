"""Entry point of the group ``verl.plugins``: registers the CPU platform if ``GSIM_VERL_CPU=1``.

``import verl`` imports this module in every process, the driver and Ray's workers. At that point
verl is only partly imported, so the module must stay light. It logs its own failures, because verl
logs them at level DEBUG. :mod:`verl_plugins.register` registers everything that needs more of verl.
"""

import logging
from importlib import import_module

from verl_plugins.cpu import is_cpu_support_enabled

logger = logging.getLogger(__name__)


def register_cpu_platform() -> None:
    """Register the CPU platform with verl if ``GSIM_VERL_CPU=1``, else do nothing."""
    if not is_cpu_support_enabled():
        return

    try:
        import_module("verl_plugins.cpu.platform").register_cpu_platform()
    except Exception:
        logger.exception("Cannot load the verl plugin of gsim-env. Run: gsim doctor verl")
        raise


register_cpu_platform()
