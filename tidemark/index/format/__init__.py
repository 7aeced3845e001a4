"""The format of an index: schema, entries, escaped names and the manifest."""
