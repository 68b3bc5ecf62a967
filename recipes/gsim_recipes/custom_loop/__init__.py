"""A training loop of your own against the simulated customer."""
