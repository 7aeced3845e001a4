"""Sessions and the overlap rule: who indexes a file system, and which index describes which point."""
