"""The entry point of the group ``verl.plugins``.

Imported by ``import verl`` in every process, driver and Ray workers alike.

It must stay light, for verl is half-imported when it runs, and it must tell of its own failures,
for verl logs them at DEBUG only. What needs more of verl is registered by
:mod:`verl_plugins.register`, which the trainer and its workers import through
``actor_rollout_ref.model.external_lib``.
"""

import logging
from importlib import import_module

logger = logging.getLogger(__name__)

try:
    import_module(
        "verl_plugins.cpu.platform"
    )  # verl probes it last: chosen where there is no accelerator
except Exception:
    logger.exception("gsim's verl plugin did not load; `gsim doctor verl` tells more")
    raise
