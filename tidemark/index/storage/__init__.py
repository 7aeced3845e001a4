"""Objects of a repository: stores, the list of indexes, and verified reads."""
