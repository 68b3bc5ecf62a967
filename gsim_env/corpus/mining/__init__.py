"""Mining the taxonomy of a new domain.

Clusters of what was said, as a template for a person to edit.
"""

from gsim_env.corpus.mining.mine import Mined, mine
from gsim_env.corpus.mining.template import mine_template, write_template

__all__ = ["Mined", "mine", "mine_template", "write_template"]
