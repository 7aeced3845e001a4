"""List prices of AWS, with their date and the source of each figure. The only file with prices.

Every figure has a price in DEFAULT_REGION. In other Regions, a figure that was not found in a document is
missing, and the price of DEFAULT_REGION stands in for it; estimates name such figures. To add one, write the
Region's price next to the others. GB are 2^30 bytes, as AWS bills them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from decimal import Decimal

DATED = date(2026, 11, 29)  # when the prices were looked up
DEFAULT_REGION = "us-east-1"
GB = 2**30
HOURS_PER_MONTH = 730

_BACKUP = "https://aws.amazon.com/backup/pricing/"
_EFS = "https://aws.amazon.com/efs/pricing/"
_FARGATE = "https://aws.amazon.com/fargate/pricing/"
_EC2 = "https://aws.amazon.com/ec2/pricing/on-demand/"
_VPC = "https://aws.amazon.com/vpc/pricing/"
_PRIVATELINK = "https://aws.amazon.com/privatelink/pricing/"
_STATES = "https://aws.amazon.com/step-functions/pricing/"
_LAMBDA = "https://aws.amazon.com/lambda/pricing/"
_KMS = "https://aws.amazon.com/kms/pricing/"
_S3 = "https://aws.amazon.com/s3/pricing/"
_DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One price: what it is for, where AWS lists it, and how high it is in each Region, in USD."""

    unit: str
    source: str
    usd: Mapping[str, Decimal]  # by Region; contains DEFAULT_REGION


def _figure(unit: str, source: str, default: str, **others: str) -> Figure:
    """Keyword names are Regions, with underscores: eu_central_1."""
    prices = {DEFAULT_REGION: Decimal(default)}
    prices |= {region.replace("_", "-"): Decimal(usd) for region, usd in others.items()}
    return Figure(unit=unit, source=source, usd=prices)


# Without taxes, discounts and free tiers.
FIGURES: Mapping[str, Figure] = {
    "backup_warm": _figure("GB-month", _BACKUP, "0.05"),
    "backup_cold": _figure("GB-month", _BACKUP, "0.01"),
    "cold_transition": _figure("point moved to cold storage; none is listed for EFS", _BACKUP, "0"),
    # Secondary sources give 0.02 to 0.04 for EFS; the highest, so that an estimate is not too low.
    "copy_transfer": _figure("GB to another Region", _BACKUP, "0.04"),
    "restore_warm": _figure("GB", _BACKUP, "0.02"),
    "restore_cold": _figure("GB", _BACKUP, "0.03"),
    "restore_items": _figure("job that restores items (PartialRestore-Jobs-EFS)", _BACKUP, "0.50"),
    "efs_standard": _figure("GB-month, Regional", _EFS, "0.30"),
    "efs_elastic_read": _figure("GB read with Elastic throughput", _EFS, "0.03"),
    "fargate_vcpu": _figure("vCPU-hour, Linux on ARM", _FARGATE, "0.03238"),
    "fargate_gb": _figure("GB-hour, Linux on ARM", _FARGATE, "0.00356"),
    "m7g.large": _figure("instance-hour, Linux", _EC2, "0.0816"),
    "nat_hour": _figure("NAT gateway hour", _VPC, "0.045", eu_central_1="0.052"),
    "nat_gb": _figure("GB through a NAT gateway", _VPC, "0.045", eu_central_1="0.052"),
    "public_address": _figure("hour of a public IPv4 address", _VPC, "0.005", eu_central_1="0.005"),
    "endpoint_hour": _figure("interface endpoint hour and zone", _PRIVATELINK, "0.01", eu_central_1="0.012"),
    "endpoint_gb": _figure("GB through interface endpoints", _PRIVATELINK, "0.01"),
    "state_transition": _figure("transition of a standard workflow", _STATES, "0.000025"),
    "lambda_gb_second": _figure("GB-second on ARM", _LAMBDA, "0.0000133334"),
    "lambda_request": _figure("request", _LAMBDA, "0.0000002"),
    "kms_key": _figure("key and month", _KMS, "1", eu_central_1="1"),
    "kms_request": _figure("request", _KMS, "0.000003"),
    "s3_standard": _figure("GB-month", _S3, "0.023"),
    "s3_put": _figure("PUT or LIST request", _S3, "0.000005"),
    "s3_get": _figure("GET request", _S3, "0.0000004"),
    "dynamodb_write": _figure("write request unit", _DYNAMODB, "0.000000625"),
    "dashboard": _figure("dashboard and month", _CLOUDWATCH, "3"),
    "alarm": _figure("alarm and month", _CLOUDWATCH, "0.10"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Prices:
    """The prices of one Region."""

    region: str

    def usd(self, name: str) -> Decimal:
        """Return the price of a figure; that of DEFAULT_REGION if the Region's is not recorded."""
        prices = FIGURES[name].usd
        return prices.get(self.region, prices[DEFAULT_REGION])

    def is_recorded(self, name: str) -> bool:
        """Return whether the Region's own price is recorded."""
        return self.region in FIGURES[name].usd


def has_price(name: str) -> bool:
    """Return whether there is a figure of this name."""
    return name in FIGURES


def origin(used: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Yield sentences that state where prices come from; `used` are the names of figures by Region."""
    own: list[str] = []
    for region, names in used.items():
        missing = sorted(name for name in names if not Prices(region).is_recorded(name))
        if len(missing) < len(names):
            own.append(region)
        if missing and len(missing) == len(names):
            listed = f"Prices are the list prices of {DEFAULT_REGION} of {DATED.isoformat()}"
            yield f"{listed}, because those of {region} are not recorded."
        elif missing:
            replaced = f"Prices of {', '.join(missing)} are those of {DEFAULT_REGION}"
            yield f"{replaced}, because those of {region} are not recorded."
    if own:
        yield f"Prices are the list prices of {' and '.join(own)} of {DATED.isoformat()}."
