"""Groups: cohorts of customers as folders of data.

Built-in groups are subfolders of this package; any other group is named by its path.
"""

from gsim_env.groups.bundle import Group, GroupConfig, load_group

__all__ = ["Group", "GroupConfig", "load_group"]
