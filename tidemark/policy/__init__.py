"""The rules of `tidemark.yaml`: file systems, schedules, vaults, copies and retention."""
