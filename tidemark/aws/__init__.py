"""The only package that builds AWS clients and knows AWS's errors."""
