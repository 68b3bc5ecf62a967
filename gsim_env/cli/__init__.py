"""The ``gsim`` command.

Typer and rich are imported in this package only, and only once the command runs.
"""

import os
import sys

__all__ = ["main"]

ENVIRONMENT = {
    # OpenMP threads that wait by spinning ruin the throughput of whatever else is busy on the machine (a training run,
    # another simulator): let them sleep. Read once, when torch or llama.cpp load OpenMP, so it stands before both.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    # Progress bars and notices of libraries would tear the output; what is being loaded is logged by this package.
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "GRPC_VERBOSITY": "NONE",
}
"""What the command sets for its own process, unless the user has set it."""


def main() -> None:
    """Run ``gsim``: the entry point of the command."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        from gsim_env.cli.app import app
        from gsim_env.cli.terminal import show_logs
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("rich", "typer"):
            raise
        print(
            "Error: gsim needs typer and rich, which come with: pip install 'gsim-env[cli]'",
            file=sys.stderr,
        )
        sys.exit(2)
    show_logs()
    app()
