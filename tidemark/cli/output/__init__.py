"""Output formats: text for people, JSON for programs, treemaps."""
