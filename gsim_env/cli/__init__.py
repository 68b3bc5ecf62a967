"""The ``gsim`` command; only this package imports typer and rich, and only when it runs."""

import os
import sys

__all__ = ["main"]

ENVIRONMENT = {
    # Spinning OpenMP threads slow down other processes (a training run, another simulator): let
    # them sleep. OpenMP reads this once, when torch or llama.cpp loads it.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    # Progress bars and messages of libraries would disturb the output; this package logs loading.
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "GRPC_VERBOSITY": "NONE",
}
"""Environment variables that the command sets for its process, unless the user has set them."""


def main() -> None:
    """Run the ``gsim`` command line; the entry point of the console script."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)

    try:
        from gsim_env.cli.app import app
        from gsim_env.cli.terminal import log_to_stderr
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("rich", "typer"):
            raise
        print(
            "Error: gsim needs typer and rich, which come with: pip install 'gsim-env[cli]'",
            file=sys.stderr,
        )
        sys.exit(2)

    log_to_stderr()
    app()
