"""From a condition on names and rows to the rows that match, with few and small reads."""
