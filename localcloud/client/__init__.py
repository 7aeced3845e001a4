"""The local cloud's Python interface: start, deploy, stop."""
