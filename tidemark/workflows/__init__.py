"""The state machines, in Amazon States Language: one file each, readable and lintable as they stand."""
