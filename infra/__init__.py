"""The deployed resources. `stack.py` composes; every other file is one construct or one build step."""
