"""Authentication: access keys of one run, and the signatures of requests."""
