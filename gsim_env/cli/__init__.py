"""The `gsim` command."""
