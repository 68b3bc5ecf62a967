"""Evaluation of simulated customers: metrics, a language-model judge, and a report.

``play`` plays and stores calls, ``metrics`` measures them, ``judge`` rates them, and ``report``
turns the results into tables, charts and a page. ``run`` does all of it; ``compare`` compares two
methods.
"""
