"""The results document of an evaluation, and its tables, figures and page."""
