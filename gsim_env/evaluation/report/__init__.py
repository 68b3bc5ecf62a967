"""The results document of an evaluation, and its tables, charts and HTML page."""
