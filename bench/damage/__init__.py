"""How well the damage alarm detects attacks, and how often it is wrong: seeded histories of file systems."""
