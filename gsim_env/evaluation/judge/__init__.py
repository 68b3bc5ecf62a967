"""Language-model judges of calls, checks of the judge, and rating sheets for people."""
