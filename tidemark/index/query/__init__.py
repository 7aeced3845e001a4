"""The questions that an index answers: find, list, compare, sum up, verify."""
