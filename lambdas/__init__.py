"""One file for each step of the state machines: parse, call, return."""
