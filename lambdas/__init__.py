"""Lambda handlers: one file for each step of the state machines."""
