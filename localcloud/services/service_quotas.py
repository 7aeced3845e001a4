"""Service Quotas: GetServiceQuota for the quotas that limit the workers of a deployment.

The values are those of a new account, which AWS documents as default: Amazon ECS Developer Guide, "AWS
Fargate service quotas"; Amazon EC2 User Guide, "Amazon EC2 service quotas"; AWS Lambda Developer Guide,
"Lambda quotas".
"""

from __future__ import annotations

from typing import Any

from localcloud.core.cloud import ApiCall, AwsError, Cloud

_VALUES = {
    ("fargate", "L-3032A538"): ("Fargate On-Demand vCPU resource count", 6.0),
    ("ec2", "L-1216C47A"): ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5.0),
    ("lambda", "L-B99A9384"): ("Concurrent executions", 1000.0),
}


def install(cloud: Cloud) -> None:
    """Add the operation."""
    cloud.answer("service-quotas", GetServiceQuota=_get)


def _get(call: ApiCall) -> dict[str, Any]:
    service, code = str(call.params["ServiceCode"]), str(call.params["QuotaCode"])
    if (service, code) not in _VALUES:
        raise AwsError(
            "NoSuchResourceException",
            f"The request failed because the specified service quota does not exist: {service} {code}",
        )
    name, value = _VALUES[service, code]
    quota = {
        "ServiceCode": service,
        "QuotaCode": code,
        "QuotaName": name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
    return {"Quota": quota}
