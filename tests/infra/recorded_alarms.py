"""A damage alarm in the local cloud, for the recording."""

from __future__ import annotations

import json

from localcloud import LocalCloud
from tidemark.damage.document import DamageDocument
from tidemark.damage.settings import DamageSettings
from tidemark.damage.verdict import Finding, Status, Verdict


def raise_alarm(cloud: LocalCloud) -> None:
    """Raise a damage alarm that holds the points of the index of `nightly`, as for a later index."""
    items = cloud.client("dynamodb").scan(TableName="tidemark-indexes")["Items"]
    home = cloud.file_systems["home"].id
    good, whose = next(
        (item["index_id"]["S"], item["file_system"]["S"])
        for item in items
        if item["record"]["S"].startswith("association#") and item["file_system"]["S"].endswith(home)
    )
    index_id = f"{home}-20990101T000000Z-000000"
    finding = Finding(rule="deleted", directory="/", amount=9, of=9, usual=0, indexes=1)
    document = DamageDocument(
        index_id=index_id,
        settings=DamageSettings(),
        verdict=Verdict(status=Status.SUSPICIOUS, findings=(finding,), last_good_index_id=good),
        comparisons=(),
        extensions=(),
    )
    key = f"indexes/{whose}/{index_id}/attempt-0123456789abcdef/damage.json"
    s3 = cloud.client("s3")
    (bucket,) = (one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].startswith("tidemark-"))
    s3.put_object(Bucket=bucket, Key=key, Body=document.to_json(), IfNoneMatch="*")
    event = {"index_id": index_id, "file_system": home, "policy": "nightly", "damage_key": key}
    answer = cloud.client("lambda").invoke(
        FunctionName="tidemark-raise-damage-alarm", Payload=json.dumps(event).encode()
    )
    held = json.load(answer["Payload"])["held"]
    assert len(held) == 2, "the backup and its copy are kept for fewer days than an alarm holds them"
