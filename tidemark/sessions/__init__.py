"""Sessions and the overlap rule, which assigns one index to each recovery point."""
