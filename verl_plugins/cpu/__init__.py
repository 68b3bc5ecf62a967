"""verl on machines without an accelerator: for tests, for demonstrations, and for small models.

Each file supplies one thing that verl 0.9.1 lacks there: ``platform`` (the device), ``engine``
(FSDP), ``rollout`` (generation by transformers, which runs on a GPU too), ``comb`` (prompts that
samples share are read once), ``vllm_weights`` (weights that can be synchronized with vLLM's CPU
build).
"""
