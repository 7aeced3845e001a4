"""The texts of notifications."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sessions.world import new_session
from tidemark.aws.notices import MOST_LISTED, is_notified, run_lines, session_lines
from tidemark.aws.notification import Notification, publish
from tidemark.policy.policy import NotifySettings
from tidemark.sessions.session import SessionStatus


@given(
    st.builds(
        NotifySettings,
        on=st.lists(st.sampled_from(["success", "warning", "failure"]), unique=True).map(tuple),
        after_last_retry=st.booleans(),
    ),
    st.sampled_from(SessionStatus),
    st.integers(0, 3),
    st.booleans(),
)
def test_a_session_is_notified_if_its_policy_asks_and_no_retry_may_follow(
    settings: NotifySettings, status: SessionStatus, retries_left: int, redriven: bool
) -> None:
    names = {"success": "success", "warning": "warning", "failed": "failure"}
    asked = names.get(status.value) in settings.on
    may_follow = retries_left > 0 and settings.after_last_retry and status is SessionStatus.FAILED
    found = is_notified(settings, status, retries_left=retries_left, redriven=redriven)
    assert found == (asked and (redriven or not may_follow))


@pytest.mark.parametrize(
    ("status", "again"),
    [(SessionStatus.FAILED, True), (SessionStatus.WARNING, True), (SessionStatus.SUCCESS, False)],
)
def test_a_message_says_what_why_and_what_to_do(status: SessionStatus, again: bool) -> None:
    session = dataclasses.replace(new_session("s"), status=status, reasons=("the vault is gone; create it",))
    text = "\n".join(session_lines(session, "fs-01234567", "https://console"))
    assert text.startswith(f"{session.policy}: fs-01234567 ended with {status.value}\n")
    assert "  - the vault is gone; create it" in text
    assert "tidemark session s" in text
    assert ("tidemark run" in text) == again
    assert text.endswith("execution in the console: https://console")


def test_a_message_about_a_thousand_failures_lists_some_and_how_to_list_the_others() -> None:
    failures = [(f"fs-{number}", ("no room",)) for number in range(1000)]
    text = "\n".join(run_lines("nightly", failures, 2, "", None))
    assert text.startswith("nightly: 1000 file systems without a new recovery point after 2 retries\n")
    assert f"fs-{MOST_LISTED - 1}\n" in text
    assert f"fs-{MOST_LISTED}\n" not in text
    assert "and 950 more: tidemark sessions --policy nightly" in text


class Topic:
    """Records what is published."""

    def publish(self, **fields: object) -> None:
        self.fields = fields


@given(st.text(max_size=10), st.integers(1, 40_000))
def test_a_message_fits_into_the_limit_of_sns(text: str, times: int) -> None:
    topic = Topic()
    publish(topic, "arn", Notification(status="failed", subject="x" * 300, lines=(text * times,)))  # type: ignore[arg-type]  # the one method that is used
    assert len(str(topic.fields["Message"])) < 262_144
    assert len(str(topic.fields["Subject"])) == 100
    json.loads(str(topic.fields["Message"]))
    assert topic.fields["MessageAttributes"] == {"status": {"DataType": "String", "StringValue": "failed"}}
