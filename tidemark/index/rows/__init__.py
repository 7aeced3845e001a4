"""Arrow rows in memory: built, sorted, merged, compared and summed."""
