"""Taxonomy mining: drafts the stages and concerns of a new domain by clustering its dialogues."""

from gsim_env.corpus.mining.mine import MinedTaxonomy, mine
from gsim_env.corpus.mining.template import mine_template, write_template

__all__ = ["MinedTaxonomy", "mine", "mine_template", "write_template"]
