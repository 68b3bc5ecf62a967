"""Language models as judges of calls, and the sheets for human raters."""
