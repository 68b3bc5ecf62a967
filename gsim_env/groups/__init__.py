"""Groups.

Cohorts of customers as folders of data. Built-in ones lie beside this file; a user's own is named
by path.
"""

from gsim_env.groups.bundle import Group, GroupConfig, load_group

__all__ = ["Group", "GroupConfig", "load_group"]
