"""What gets deployed. `stack.py` composes; every other file is one construct or one step of building."""
