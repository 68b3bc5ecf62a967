"""The grouped customer.

A group's embedded model tuned by SFT and GRPO, and the methods it is compared with.
"""
