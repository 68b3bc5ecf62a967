"""The pattern reward model of appendix B: what tells a group's customers from a model that plays one."""
