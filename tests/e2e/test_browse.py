"""The pages on a deployment: a deleted file is found, its versions are seen, and it is restored."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import TIDEMARK, Deployed
from tests.e2e.test_restore import root_of
from tests.web.browser import Reader, started_browser

pytestmark = pytest.mark.cloud
CONTENT = "the only copy"
SECONDS = 120_000  # milliseconds, for a restore on a busy machine
PAGES = ("/protected", "/sessions", "/restore", "/find?q=only+copy&every=1", "/browse", "/changes")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as found:
        yield found


@pytest.fixture(scope="module")
def _backups(deployed: Deployed, browser: Browser) -> None:
    """Make two backups of `desk`: /only copy.tex is in the first of them only."""
    found = root_of(deployed, "desk")
    (found / "only copy.tex").write_text(CONTENT)
    deployed.run("desk")
    (found / "only copy.tex").unlink()
    deployed.run("desk")


@pytest.fixture(scope="module")
def address(deployed: Deployed, _backups: None) -> Iterator[str]:
    environment = {**deployed.cloud.environment, "HOME": str(deployed.home), "PATH": os.environ["PATH"]}
    command = [TIDEMARK, "browse", "--json", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


@pytest.fixture
def window(browser: Browser, address: str) -> Iterator[Reader]:
    found = Reader(browser, address)
    found.context.set_default_timeout(SECONDS)
    yield found
    found.close()
    assert found.problems == []


def test_a_deleted_file_is_found_and_restored_and_is_in_place(window, deployed):
    page = window.page
    page.fill("#q", "only copy.tex")
    page.get_by_role("link", name="Search all backups").click()
    expect(page.get_by_text("last in")).to_be_visible()
    page.get_by_role("link", name="only copy.tex").click()
    expect(page.locator(".timeline .tag").first).to_have_text("vanished")
    page.get_by_role("button", name="Restore this version").click()
    page.get_by_role("link", name="Plan this restore").click()
    page.get_by_role("link", name="Restore…").click()
    assert not (
        root_of(deployed, "desk") / "only copy.tex"
    ).exists()  # nothing was written before the confirmation
    page.get_by_role("button", name="Yes, restore").click()
    expect(page.get_by_text("Everything is in place")).to_be_visible(timeout=SECONDS)
    # A restore changes a private copy of the directory.
    assert (root_of(deployed, "desk") / "only copy.tex").read_text() == CONTENT
    restore_id = page.url.rpartition("/")[2]
    recorded = deployed.tidemark("restore-session", restore_id, "--json").json
    assert (recorded["status"], recorded["totals"]["placed"]) == ("success", 1)
    window.open("/restore")
    expect(page.get_by_text("The basket is empty")).to_be_visible()


def test_chosen_files_stay_in_the_basket_and_a_plan_starts_once(window):
    page = window.open("/browse?sort=name")
    page.locator("input[form=choose]").first.check()
    page.get_by_role("button", name="Add to the restore basket").click()
    expect(page.locator("#basket-link .badge")).to_contain_text("1")
    window.open("/restore")
    page.get_by_role("link", name="Plan this restore").click()
    shared = page.url
    page.get_by_role("link", name="Restore…").click()
    confirmation = page.url
    page.get_by_role("link", name="No, back to the basket").click()
    page.get_by_role("button", name="Empty").click()
    expect(page.get_by_text("The basket is empty")).to_be_visible()
    page.goto(shared)  # the address has the paths, so that it can be sent
    expect(page.get_by_role("link", name="Restore…")).to_be_visible()
    page.goto(confirmation.replace("plan-", "plan-0"))
    expect(page.get_by_text("plan again")).to_be_visible()
    window.problems.clear()  # the browser reports the status 409 as an error


def test_protection_and_sessions_are_shown_as_recorded(window, deployed):
    page = window.open("/protected")
    found = deployed.tidemark("protection", "--json").json["file_systems"]
    expect(page.locator(".card")).to_have_count(len(found))
    desk = deployed.cloud.file_systems["desk"].id
    expect(page.locator(".card", has_text=desk)).to_contain_text("made only by hand")
    window.open("/sessions")
    session = deployed.tidemark("sessions", "--limit", "1", "--json").json["sessions"][0]
    page.get_by_role("link", name=session["session_id"]).click()
    expect(page.locator(".tag").first).to_have_text(session["status"])


def test_a_running_session_is_followed_until_it_ends(window, deployed):
    session_id = deployed.start("desk")
    deployed.session(session_id)
    page = window.open(f"/sessions/{session_id}")
    expect(page.locator("[role=status]")).to_have_text("success", timeout=SECONDS)
    expect(page.get_by_role("link", name="Browse its files")).to_be_visible()


def test_a_restore_to_a_new_file_system_is_planned_as_the_command_plans_it(window, deployed):
    desk = deployed.cloud.file_systems["desk"].id
    page = window.open(f"/restore/plan?file_system={desk}&path=/home/ann/thesis.tex")
    expect(page.get_by_label("Directory", exact=True)).to_be_hidden()
    page.get_by_label("a new file system").check()
    expect(page.get_by_label("If a target exists")).to_be_hidden()
    page.get_by_label("tags", exact=True).check()
    page.get_by_role("button", name="Plan again").click()
    command = shlex.split(page.locator("#command").inner_text())
    planned = deployed.tidemark(*command[1:], "--dry-run", "--json").json["plan"]
    assert planned["new_file_system"]["tags"] == []
    page.get_by_role("link", name="Restore…").click()
    expect(page.get_by_text("creates a file system")).to_be_visible()
    page.get_by_role("button", name="Yes, restore").click()
    expect(page.get_by_text("Everything is in place")).to_be_visible(timeout=SECONDS)
    restore_id = page.url.rpartition("/")[2]
    recorded = deployed.tidemark("restore-session", restore_id, "--json").json
    created = recorded["new_file_system"]
    assert created not in (None, desk)
    expect(page.get_by_text(f"New file system: {created}")).to_be_visible()
    found = deployed.cloud.client("efs").describe_file_systems(FileSystemId=created)["FileSystems"][0]
    assert "team" not in {tag["Key"] for tag in found["Tags"]}


def test_what_was_not_placed_is_listed_on_the_page_of_the_restore(window, deployed):
    desk = deployed.cloud.file_systems["desk"].id
    page = window.open(f"/restore/plan?file_system={desk}&path=/home/ann/thesis.tex")
    page.get_by_role("link", name="Restore…").click()
    page.get_by_role("button", name="Yes, restore").click()
    expect(page.get_by_role("heading", name="Not placed", exact=True)).to_be_visible(timeout=SECONDS)
    restore_id = page.url.rpartition("/")[2]
    recorded = deployed.tidemark("restore-session", restore_id, "--json").json
    assert recorded["problems"]
    for each in recorded["problems"]:
        expect(page.get_by_text(f"{each['path']}: {each['outcome']}: {each['reason']}")).to_be_visible()
    for name in recorded["left_directories"]:
        expect(page.get_by_text(f"/{name}", exact=True)).to_be_visible()
        shutil.rmtree(root_of(deployed, "desk") / name)  # other tests restore to the same directory
    window.open(f"/restore/plan?file_system={desk}&path=/home/ann/thesis.tex&where=new-file-system&subnets=x")
    expect(page.get_by_text("is not an id such as subnet-")).to_be_visible()
    window.problems.clear()  # the browser reports the status 400 as an error


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong_on_pages_about_a_deployment(browser, address, deployed, scheme):
    desk = deployed.cloud.file_systems["desk"].id
    window = Reader(browser, address, color_scheme=scheme)
    window.context.set_default_timeout(SECONDS)
    page = window.page
    try:
        for path in PAGES:
            window.open(path)
            assert window.violations() == [], path
        page.get_by_role("link", name="Sessions").click()
        page.locator("a[href^='/sessions/']").first.click()
        expect(page.locator(".steps")).to_be_visible()
        assert window.violations() == [], page.url
        for target in ("in-place", "new-file-system"):
            window.open(f"/restore/plan?file_system={desk}&path=/home/ann/thesis.tex&where={target}")
            assert window.violations() == [], page.url
        page.get_by_role("link", name="Restore…").click()
        expect(page.get_by_role("button", name="Yes, restore")).to_be_visible()
        assert window.violations() == [], page.url
        for restore in deployed.tidemark("restores", "--json").json["restores"][:3]:
            window.open(f"/restores/{restore['restore_id']}")
            assert window.violations() == [], page.url
    finally:
        window.close()
