"""The tags of recorded resources as condition keys, also of resources that have been deleted since."""

from __future__ import annotations

from localcloud import LocalCloud


def tags_of(cloud: LocalCloud) -> dict[str, dict[str, str]]:
    """Return the condition keys of each instance and file system, by its ARN, including ended ones."""
    reservations = cloud.client("ec2").describe_instances()["Reservations"]
    instances = {
        f"arn:aws:ec2:{cloud.region}:{cloud.account_id}:instance/{one['InstanceId']}": one.get("Tags", [])
        for reservation in reservations
        for one in reservation["Instances"]
    }
    listed = cloud.client("efs").describe_file_systems()["FileSystems"]
    file_systems = {one["FileSystemArn"]: one["Tags"] for one in listed}
    found = {
        arn: {f"aws:ResourceTag/{tag['Key']}": tag["Value"] for tag in tags}
        for arn, tags in {**instances, **file_systems}.items()
    }
    return {**_tags_of_deleted(cloud), **found}


def _tags_of_deleted(cloud: LocalCloud) -> dict[str, dict[str, str]]:
    """Return the condition keys of file systems by the calls that have set their tags."""
    found: dict[str, dict[str, str]] = {}
    for call in cloud.calls():
        if call["action"] == "elasticfilesystem:TagResource":
            for key, value in call["context"].items():
                if key.startswith("aws:RequestTag/"):
                    tag = key.replace("aws:RequestTag/", "aws:ResourceTag/")
                    found.setdefault(call["resource"], {})[tag] = value
    return found
