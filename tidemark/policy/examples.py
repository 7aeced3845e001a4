"""Examples of keys of `tidemark.yaml`, for messages about missing values."""

from __future__ import annotations

from tidemark.policy.yaml_lines import KeyPath


def example_of(where: KeyPath) -> str:
    """Return `, for example KEY: VALUE` for a key of tidemark.yaml; empty if there is no example."""
    examples = {
        "region": "eu-central-1",
        "keep": "35 days",
        "file_systems": "[fs-0123456789abcdef0]",
        "vaults": "{eu-central-1: tidemark}",
        "policies": "{nightly: {file_systems: [fs-0123456789abcdef0], keep: 35 days}}",
        "schedule": "{cron: '0 2 * * ? *'}",
        "schedules": "{daily: {at: '02:00', keep: 14 days}}",
        "daily": "{at: '02:00', keep: 14 days}",
        "weekly": "{on: sunday, keep: 8 weeks}",
        "monthly": "{on: last day, keep: 1 year}",
        "yearly": "{on: 31 december, keep: 7 years}",
        "at": "'02:00'",
        "cold_after": "30 days",
        "email": "you@example.com",
        "retries": "{times: 3, interval: 10 minutes}",
        "times": "3",
        "daily_report": "{at: '07:00'}",
    }
    key = str(where[-1]) if where else ""
    return f", for example {key}: {examples[key]}" if key in examples else ""
