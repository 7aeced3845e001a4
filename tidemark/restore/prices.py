"""List prices of AWS for an estimate, with their date and sources.

To add a Region, add all its prices of one day. GB are 2^30 bytes, as AWS bills them.
"""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal

SOURCES = (
    "https://aws.amazon.com/backup/pricing/",
    "https://aws.amazon.com/efs/pricing/",
    "https://aws.amazon.com/fargate/pricing/",
)
GB = 2**30


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices of one Region in USD, without taxes and discounts."""

    region: str
    dated: date
    restore_warm_gb: Decimal  # AWS Backup, EFS
    restore_cold_gb: Decimal
    restore_items_job: Decimal  # each job that restores items: usage type PartialRestore-Jobs-EFS
    efs_standard_gb_month: Decimal  # Regional file systems
    fargate_vcpu_hour: Decimal  # Linux on ARM
    fargate_gb_hour: Decimal


DEFAULT_REGION = "us-east-1"
PRICES = {
    prices.region: prices
    for prices in (
        Prices(
            region=DEFAULT_REGION,
            dated=date(2026, 11, 29),
            restore_warm_gb=Decimal("0.02"),
            restore_cold_gb=Decimal("0.03"),
            restore_items_job=Decimal("0.50"),
            efs_standard_gb_month=Decimal("0.30"),
            fargate_vcpu_hour=Decimal("0.03238"),
            fargate_gb_hour=Decimal("0.00356"),
        ),
    )
}


def prices_of(region: str) -> Prices:
    """Return the prices of a Region, or those of DEFAULT_REGION if they are not recorded here."""
    return PRICES.get(region, PRICES[DEFAULT_REGION])
