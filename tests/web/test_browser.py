"""The pages in a real browser: by keyboard, without scripts, on a narrow screen, and for everyone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.index.building import FILE_SYSTEM, directory, index_rows, row
from tests.web.browser import Reader, started_browser
from tests.web.sites import served
from tidemark.index.storage.object_store import FileStore
from tidemark.web.guard import Guard

PAGES = {
    "find": "/find",
    "find-results": "/find?q=report&every=1",
    "find-filters": "/find?q=o&larger=1k&type=f",
    "find-nothing": "/find?q=absent",
    "browse": "/browse?path=/home/ada&sort=size",
    "browse-missing": "/browse?path=/absent",
    "versions": f"/versions?file_system={FILE_SYSTEM}&path=/home/ada/report.xlsx",
    "changes": "/changes",
    "changes-below": "/changes?path=/home/ada",
    "usage": "/usage",
    "usage-ext": "/usage?by=ext",
    "usage-age": "/usage?by=age&path=/home",
    "error": "/versions?path=/absent",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as found:
        yield found


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    scratch = tmp_path_factory.mktemp("pages")
    (scratch / "repository").mkdir()
    store = FileStore(scratch / "repository")
    logs = [directory("/logs"), *(row(f"/logs/{number:04}.log", size=number) for number in range(700))]
    home = [directory("/home"), directory("/home/ada"), row("/home/ada/notes.txt", size=2000)]
    report = row("/home/ada/report.xlsx", size=4_000_000)
    index_rows(store, scratch, [*home, report, *logs], number=1)
    bigger = row("/home/ada/report.xlsx", size=5_000_000, mtime_us=1_790_000_000_000_000)
    index_rows(store, scratch, [*home, bigger, *logs], number=2)
    index_rows(store, scratch, [*home, row("/home/ada/a<b>'\"&.txt"), *logs], number=3)
    with served(store) as found:
        yield found


@pytest.fixture
def reader(browser: Browser, guard: Guard) -> Iterator[Callable[..., Reader]]:
    opened: list[Reader] = []

    def open_window(**options: object) -> Reader:
        opened.append(Reader(browser, guard.address, **options))
        return opened[-1]

    yield open_window
    for each in opened:
        each.close()
        assert each.problems == []


def test_results_appear_while_typing_and_the_address_can_be_sent(reader):
    window = reader()
    page = window.page
    page.locator("#q").press_sequentially("0123", delay=20)
    expect(page.get_by_role("link", name="0123.log")).to_be_visible()
    expect(page.locator("#status")).to_have_text("1 match")
    expect(page).to_have_url(f"{window.origin}/find?q=0123")
    page.reload()
    expect(page.get_by_role("link", name="0123.log")).to_be_visible()


def test_a_long_list_continues_when_its_end_is_reached(reader):
    page = reader().open("/find?q=.log")
    expect(page.locator(".row")).to_have_count(100)
    page.locator(".end").scroll_into_view_if_needed()
    expect(page.locator(".row")).to_have_count(200)
    while page.locator(".row").count() < 700:
        before = page.locator(".row").count()
        page.locator(".end").scroll_into_view_if_needed()
        expect(page.locator(".row").nth(before)).to_be_visible()
    expect(page.locator("#status")).to_have_text("700 matches")


def test_a_file_is_found_and_opened_with_the_keyboard_alone(reader):
    page = reader().open("/find")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("notes")
    expect(page.get_by_role("link", name="notes.txt")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="notes.txt")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="notes.txt")).to_be_visible()


def test_the_chosen_row_keeps_the_focus_when_later_results_replace_it(reader):
    page = reader().open("/find?q=notes")
    link = page.get_by_role("link", name="notes.txt")
    page.keyboard.press("ArrowDown")
    expect(link).to_be_focused()
    page.evaluate("document.activeElement.dataset.old = 'yes'")
    # When a swap has ended, a key can be pressed at once.
    page.evaluate("""() => document.addEventListener("htmx:afterSwap", () => {
        window.focusedBySwap = [...(window.focusedBySwap ?? []), document.activeElement.tagName];
    })""")
    # Another input, as if the user's last key had been handled late.
    page.evaluate("""() => {
        const box = document.getElementById("q");
        box.value = "note";
        box.dispatchEvent(new Event("input", {bubbles: true}));
    }""")
    expect(page.locator("[data-old]")).to_have_count(0)
    expect(link).to_be_focused()
    assert set(page.evaluate("window.focusedBySwap")) == {"A"}


def test_a_deleted_file_is_found_in_all_backups_with_its_versions(reader):
    page = reader().open("/find?q=report.xlsx")
    page.get_by_role("link", name="Search all backups").click()
    page.get_by_role("link", name="report.xlsx").click()
    expect(page.locator(".timeline .tag")).to_have_text(["vanished", "changed", "appeared"])


def test_directories_are_entered_and_left_with_the_keyboard(reader):
    window = reader()
    page = window.open("/browse")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="ada/")).to_be_visible()
    page.keyboard.press("Backspace")
    expect(page.get_by_role("link", name="logs/")).to_be_visible()


def test_the_slider_shows_the_directory_at_other_times(reader):
    window = reader()
    page = window.open("/browse?path=/home/ada")
    expect(page.get_by_role("link", name="report.xlsx")).to_have_count(0)
    slider = page.get_by_role("slider")
    slider.focus()
    slider.press("ArrowLeft")
    expect(page.get_by_role("link", name="report.xlsx")).to_be_visible()
    expect(page.locator("#place-label")).to_have_text("2026-11-03 00:00 UTC")
    assert "place=" not in page.url
    page.reload()
    expect(page.get_by_role("link", name="report.xlsx")).to_be_visible()


def test_a_treemap_is_followed_into_a_directory(reader):
    page = reader().open("/usage")
    page.locator(".treemap a").first.click()
    expect(page.locator(".crumbs strong")).to_have_text("logs")  # the largest


@pytest.mark.parametrize("address", PAGES.values(), ids=PAGES)
def test_every_page_can_be_read_without_scripts(reader, address):
    window = reader(java_script_enabled=False)
    response = window.page.goto(f"{window.origin}{address}")
    assert response is not None
    if response.status == 404:
        window.problems.clear()  # the browser reports the status as an error
    expect(window.page.locator("main")).to_be_visible()
    assert window.page.get_by_text("Searching…").count() == 0


def test_a_search_and_the_slider_work_without_scripts(reader):
    window = reader(java_script_enabled=False)
    page = window.page
    page.fill("#q", "notes")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="/home/ada/").click()
    page.get_by_role("slider").fill("0")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="report.xlsx")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", PAGES.values(), ids=PAGES)
def test_axe_finds_nothing_wrong(reader, address, scheme):
    window = reader(color_scheme=scheme)
    window.open(address)
    window.problems[:] = [each for each in window.problems if "404" not in each]
    assert window.violations() == []


@pytest.mark.parametrize("address", PAGES.values(), ids=PAGES)
def test_a_narrow_screen_needs_no_sideways_scrolling(reader, address):
    window = reader()
    window.page.set_viewport_size({"width": 360, "height": 740})
    page = window.open(address)
    window.problems[:] = [each for each in window.problems if "404" not in each]
    assert page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth") <= 0
    assert window.violations() == []
