"""The only package that creates AWS clients and handles AWS errors."""
