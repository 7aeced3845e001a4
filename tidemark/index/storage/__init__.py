"""Objects of a repository: where they are, what there is, and reads that are verified."""
