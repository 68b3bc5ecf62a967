"""General helpers for all packages; none depends on calls or customers."""
