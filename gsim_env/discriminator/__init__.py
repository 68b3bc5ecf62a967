"""Training of the pattern reward model (appendix B), which tells human from model answers."""
