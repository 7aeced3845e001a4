"""SNS: subscriptions by e-mail are pending, as no mailbox confirms them; moto confirms all subscriptions.

Source: Amazon SNS Developer Guide, "Email notifications"; ListSubscriptionsByTopic, SubscriptionArn.
"""

from __future__ import annotations

from typing import Any

from localcloud.core.cloud import Cloud

PENDING = "PendingConfirmation"
_BY_EMAIL = ("email", "email-json")


def install(cloud: Cloud) -> None:
    """List subscriptions by e-mail as pending."""
    from moto.core.responses import ActionResult
    from moto.sns.responses import SNSResponse

    def pending(listed: Any) -> Any:
        def answer(self: SNSResponse) -> ActionResult:
            result: Any = listed(self).result
            subscriptions = [
                {
                    "SubscriptionArn": PENDING if each.protocol in _BY_EMAIL else each.arn,
                    "TopicArn": each.topic.arn,
                    "Protocol": each.protocol,
                    "Endpoint": each.endpoint,
                    "Owner": each.account_id,
                }
                for each in result["Subscriptions"]
            ]
            return ActionResult({**result, "Subscriptions": subscriptions})

        return answer

    SNSResponse.list_subscriptions = pending(SNSResponse.list_subscriptions)
    SNSResponse.list_subscriptions_by_topic = pending(SNSResponse.list_subscriptions_by_topic)
