"""The state machines, in Amazon States Language: one file each, without templates."""
