from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from localcloud import LocalCloud, LocalCloudError

TEMPLATE = {
    "Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "kept"}},
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": "kept",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        },
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Statement": []}}},
        "Vault": {"Type": "AWS::Backup::BackupVault", "Properties": {"BackupVaultName": "kept"}},
    },
    "Outputs": {"Key": {"Value": {"Ref": "Key"}}},
}


def deployed(cloud: LocalCloud, directory: Path) -> str:
    (directory / "s.template.json").write_text(json.dumps(TEMPLATE))
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {"templateFile": "s.template.json"},
    }
    (directory / "manifest.json").write_text(json.dumps({"artifacts": {"s": stack}}))
    return cloud.deploy(directory)["s"]["Key"]


def test_buckets_tables_and_keys_outlive_the_cloud_and_are_taken_over(tmp_path: Path) -> None:
    state, assembly = tmp_path / "state", tmp_path / "assembly"
    assembly.mkdir()
    with LocalCloud.start(state=state) as cloud:
        key = deployed(cloud, assembly)
        cloud.client("s3").put_object(Bucket="kept", Key="a", Body=b"content", Metadata={"m": "1"})
        cloud.client("dynamodb").put_item(TableName="kept", Item={"id": {"S": "1"}, "n": {"N": "2"}})
        secret = cloud.client("kms").encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    with LocalCloud.start(state=state) as cloud:
        read = cloud.client("s3").get_object(Bucket="kept", Key="a")
        assert (read["Body"].read(), read["Metadata"]) == (b"content", {"m": "1"})
        assert deployed(cloud, assembly) == key
        item = cloud.client("dynamodb").get_item(TableName="kept", Key={"id": {"S": "1"}})["Item"]
        assert item["n"] == {"N": "2"}
        assert cloud.client("kms").decrypt(CiphertextBlob=secret)["Plaintext"] == b"secret"


def test_state_of_another_moto_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "moto.json").write_text('{"moto": "1.0"}')
    with pytest.raises(LocalCloudError, match=r"moto 1\.0"), LocalCloud.start(state=tmp_path):
        pass


def test_two_clouds_never_share_a_state_directory(tmp_path: Path) -> None:
    with (
        LocalCloud.start(state=tmp_path),
        pytest.raises(LocalCloudError, match="another local cloud uses the state directory"),
        LocalCloud.start(state=tmp_path),
    ):
        pass


def test_a_state_directory_that_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(LocalCloudError, match="cannot write to"),
        LocalCloud.start(state=tmp_path / "file" / "state"),
    ):
        pass


def test_a_port_in_use_is_named_with_the_next_step() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(LocalCloudError, match=f"cannot use port {port}.*--port"),
            LocalCloud.start(port=port),
        ):
            pass
