"""The two tables, from the schema declarations that the product also uses."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.grants import Grant
from infra.keys import key
from infra.names import Names
from tidemark.sessions.schema import TABLES, SecondaryIndex, TableSchema

Tables = tuple[TableSchema, ...]


class Records(Construct):
    """Sessions, leases, indexes and associations in DynamoDB, encrypted with their own key."""

    def __init__(self, scope: Construct, identifier: str, *, names: Names, removal: RemovalPolicy) -> None:
        super().__init__(scope, identifier)
        self._names = names
        self.key = key(self, "Key", description=f"Tidemark {names.deployment}: tables", removal=removal)
        self._tables = {schema.suffix: self._table(schema, removal) for schema in TABLES}

    def items(
        self,
        *,
        get: Tables = (),
        put: Tables = (),
        update: Tables = (),
        delete: Tables = (),
    ) -> list[Grant]:
        """Return the grants to read and write single items of these tables, also in transactions."""
        wanted = {"GetItem": get, "PutItem": put, "UpdateItem": update, "DeleteItem": delete}
        encrypts = (
            ("kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey") if put or update or delete else ()
        )
        return [
            *(
                Grant(
                    actions=(f"dynamodb:{action}",),
                    resources=tuple(self._tables[schema.suffix].table_arn for schema in tables),
                )
                for action, tables in wanted.items()
                if tables
            ),
            # DynamoDB uses the table's key on behalf of its caller. Source: DynamoDB Developer Guide,
            # "DynamoDB encryption at rest", using AWS KMS keys.
            Grant(
                actions=("kms:Decrypt", *encrypts),
                resources=(self.key.key_arn,),
                conditions={"StringEquals": {"kms:ViaService": self._names.via_service("dynamodb")}},
            ),
        ]

    def list_items(self, *tables: TableSchema) -> list[Grant]:
        """Return the grant to query tables by their partition keys, in addition to `items`."""
        arns = tuple(self._tables[schema.suffix].table_arn for schema in tables)
        return [Grant(actions=("dynamodb:Query",), resources=arns)]

    def search(self, *indexes: SecondaryIndex) -> list[Grant]:
        """Return the grants to query these secondary indexes, in addition to `items`."""
        arns = tuple(
            f"{self._tables[schema.suffix].table_arn}/index/{index.name}"
            for schema in TABLES
            for index in schema.secondary_indexes
            if index in indexes
        )
        return [Grant(actions=("dynamodb:Query",), resources=arns)]

    def _table(self, schema: TableSchema, removal: RemovalPolicy) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            schema.suffix.capitalize(),
            table_name=schema.table_name(self._names.deployment),
            partition_key=_string(schema.partition_key),
            sort_key=_string(schema.sort_key) if schema.sort_key else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=removal,
        )
        for index in schema.secondary_indexes:
            table.add_global_secondary_index(
                index_name=index.name,
                partition_key=_string(index.partition_key),
                sort_key=_string(index.sort_key),
            )
        return table


def _string(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
