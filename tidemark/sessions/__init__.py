"""Sessions and the overlap rule: who may index a file system, and which index describes which recovery point."""
