"""What to protect, when, where to and for how long: the rules of `tidemark.yaml`."""
