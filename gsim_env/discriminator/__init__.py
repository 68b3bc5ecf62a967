"""The pattern reward model of appendix B.

What tells a group's customers from a model that plays one.
"""
