from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from tests.aws.account import REGION, the_clients
from tidemark.aws.stack_resources import stack_resources


def test_resources_are_found_by_their_names_without_the_hash_of_the_cdk() -> None:
    client = the_clients().of("cloudformation", REGION)
    topic = {"LogicalResourceId": "NotificationsTopicAE679CBD", "PhysicalResourceId": "arn:topic"}
    failed = {"LogicalResourceId": "Never0123ABCD"}
    usual = {"ResourceType": "x", "LastUpdatedTimestamp": 0, "ResourceStatus": "CREATE_COMPLETE"}
    with Stubber(client) as stub:
        stub.add_response(
            "list_stack_resources", {"StackResourceSummaries": [{**topic, **usual}, {**failed, **usual}]}
        )
        assert stack_resources(client, "Tidemark-t") == {"NotificationsTopic": "arn:topic"}


def test_a_stack_that_does_not_exist_has_none_and_other_errors_pass() -> None:
    client = the_clients().of("cloudformation", REGION)
    with Stubber(client) as stub:
        missing = "Stack with id Tidemark-t does not exist"
        stub.add_client_error("list_stack_resources", "ValidationError", missing)
        assert stack_resources(client, "Tidemark-t") is None
        stub.add_client_error("list_stack_resources", "AccessDenied", "no")
        with pytest.raises(ClientError):
            stack_resources(client, "Tidemark-t")
