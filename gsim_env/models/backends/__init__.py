"""Language-model backends, one module each: a backend's name is its module's name.

A module defines ``Config``, a frozen pydantic model of the settings with ``build()``, and the model
that it builds (:class:`~gsim_env.models.protocol.LanguageModel`). Nothing else registers it.
"""
