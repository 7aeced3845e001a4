"""The tables have the keys that the code uses."""

from __future__ import annotations

from tests.infra.template import Template, resources
from tidemark.sessions.schema import TABLES


def test_keys_and_indexes_are_those_of_the_declarations(main: Template) -> None:
    tables = {table["TableName"]: table for table in resources(main, "AWS::DynamoDB::Table").values()}
    assert set(tables) == {schema.table_name("cellar") for schema in TABLES}
    for schema in TABLES:
        table = tables[schema.table_name("cellar")]
        assert table["KeySchema"] == _keys(schema.partition_key, schema.sort_key)
        assert {index["IndexName"]: index["KeySchema"] for index in table["GlobalSecondaryIndexes"]} == {
            index.name: _keys(index.partition_key, index.sort_key) for index in schema.secondary_indexes
        }
        assert {attribute["AttributeType"] for attribute in table["AttributeDefinitions"]} == {"S"}


def test_tables_can_be_restored_to_any_second_and_are_encrypted_with_our_key(main: Template) -> None:
    for table in resources(main, "AWS::DynamoDB::Table").values():
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["SSESpecification"]["SSEType"] == "KMS"
        assert table["SSESpecification"]["KMSMasterKeyId"]["Fn::GetAtt"][0].startswith("RecordsKey")
        assert table["BillingMode"] == "PAY_PER_REQUEST"


def _keys(partition: str, sort: str | None) -> list[dict[str, str]]:
    keys = [{"AttributeName": partition, "KeyType": "HASH"}]
    return [*keys, {"AttributeName": sort, "KeyType": "RANGE"}] if sort else keys
