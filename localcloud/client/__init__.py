"""The local cloud for the program that starts it: start, deploy, stop."""
