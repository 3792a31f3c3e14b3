"""Every view in a real browser: readable for all, at every width, in light and dark, and quick."""

import dataclasses
from typing import Any

import pytest

from page.server.static_files import STATIC
from tests.page.browser.conftest import Visit
from tests.page.browser.standin import StandIn

pytestmark = pytest.mark.slow

VIEWS = ("ask", "watch", "knows", "health", "teach")
MOST_SCRIPTS = 60_000
"""Bytes of scripts that all views together may be sent."""
MOST_FIRST = 20_000
"""Bytes of scripts that may be sent before the first view is shown."""
LOADED_LATER = {"share/main.js", "share/worklet.js", "ask/tap.js"}
"""Scripts that no view loads: of the page for phones, and of a microphone once it is used."""
FULL = {
    "ask": ".board canvas",
    "watch": ".senses canvas",
    "knows": ".card img",
    "health": ".notes li",
    "teach": "#teach .board canvas",
}
"""What each view shows once it has its data."""
BEYOND_360 = """() => [...document.querySelectorAll("main *")]
    .filter((e) => !e.closest(".scroll, ol.events, [hidden]") && e.getBoundingClientRect().right > 361)
    .map((e) => e.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_nobody_is_shut_out(visit: Visit, view: str, scheme: str) -> None:
    page = visit(view, scheme)
    page.wait_for_selector(FULL[view])
    assert violations(page) == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_shows_it_without_scrolling_sideways(visit: Visit, view: str) -> None:
    page = visit(view, width=360, height=740)
    page.wait_for_selector(FULL[view])
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(BEYOND_360) == []


def test_scripts_are_few(visit: Visit) -> None:
    page = visit("ask")
    first = scripts_of(page)
    assert 0 < sum(first.values()) <= MOST_FIRST
    for view in VIEWS[1:]:
        page.click(f"nav a[href='#{view}']")
        page.wait_for_selector(FULL[view])
    every = scripts_of(page)
    assert len(every) > len(first)
    loaded = {name.partition("/static/")[2] for name in every}
    assert loaded | LOADED_LATER == {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js")}
    assert sum(every.values()) <= MOST_SCRIPTS
    assert all(name.startswith(page.url.partition("#")[0]) for name in every)


def test_first_paint_comes_within_a_second(visit: Visit) -> None:
    page = visit("ask")
    took: list[float] = []
    # Others may use the machine: the quickest of some visits says what the page takes.
    while len(took) < 20 and min(took, default=1000) >= 1000:
        page.reload()
        page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
        took.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    assert min(took) < 1000, took


def test_what_the_run_says_is_text_and_never_html(visit: Visit) -> None:
    page = visit("health")
    page.wait_for_selector(".notes li")
    assert "<b>of digits</b>" in page.inner_text(".notes")
    page.click("nav a[href='#watch']")
    page.wait_for_selector("td:has-text('live')")
    assert "microphone <i>" in page.inner_text("#watch")


def test_keys_alone_lead_through_the_views(visit: Visit) -> None:
    page = visit("ask")
    page.focus("nav a[href='#health']")
    page.keyboard.press("Enter")
    page.wait_for_selector(".notes li")
    assert page.evaluate("document.activeElement.id") == "health-title"
    assert page.get_attribute("nav a[href='#health']", "aria-current") == "page"


def test_curves_are_zoomed_by_keys_and_by_dragging(visit: Visit) -> None:
    page = visit("knows")
    page.wait_for_selector(".legend label")
    with page.expect_request(lambda request: "from=" in request.url):
        page.focus("canvas.curves")
        page.keyboard.press("+")
    page.keyboard.press("0")
    box = page.locator("canvas.curves").bounding_box()
    with page.expect_request(lambda request: "from=" in request.url):
        page.mouse.move(box["x"] + 200, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 400, box["y"] + 100, steps=4)
        page.mouse.up()


def test_a_cell_of_the_confusion_table_shows_the_samples_behind_it(visit: Visit) -> None:
    page = visit("knows")
    page.locator(".confusion td.wrong button").first.click()
    page.wait_for_selector(".behind li img")
    assert "taken for" in page.inner_text(".behind h4")


def test_points_of_the_map_show_what_they_are(visit: Visit) -> None:
    page = visit("knows")
    page.wait_for_selector("canvas.map:not([hidden])", timeout=60_000)
    page.focus("canvas.map")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".detail img")


def test_a_run_with_senses_invites_to_share_in_every_other_view(visit: Visit) -> None:
    page = visit("ask", width=360, height=740)
    page.click("text=Share the microphone and camera")
    page.wait_for_selector("#teach #share-button")
    assert not page.is_visible("text=Share the microphone and camera")
    with page.expect_navigation():
        page.click("text=This part alone")
    page.wait_for_selector("#share-button")
    assert page.url.endswith("/static/share/index.html")


def test_a_run_without_senses_says_that_it_cannot_be_taught_here(visit: Visit, run: StandIn) -> None:
    facts = run.context.facts
    run.context.facts = dataclasses.replace(facts, live=False)
    try:
        page = visit("teach")
        page.wait_for_selector("#teach >> text=simulated teachers")
        assert not page.is_visible("#share-button") and not page.is_visible("nav a[href='#teach']")
        assert not page.is_visible("text=Share the microphone and camera")
    finally:
        run.context.facts = facts


def test_an_actor_that_is_down_is_seen(visit: Visit) -> None:
    page = visit("health")
    row = page.locator("tr", has_text="teacher-0")
    assert "restarting" in row.inner_text() and "it has died" in row.inner_text()


def test_commands_reach_the_run_and_a_stop_is_asked_twice(visit: Visit, run: StandIn) -> None:
    page = visit("health")
    page.click("text=Write a checkpoint")
    page.click("text=Pause learning")
    page.wait_for_selector("text=Resume learning")
    page.click("text=Resume learning")
    page.wait_for_selector("text=Pause learning")
    page.click("text=Stop the run…")
    page.click("text=Keep it running")
    assert run.commands == ["checkpoint", "pause", "resume"]
    page.click("text=Stop the run…")
    page.click("dialog >> text=Stop it")
    page.wait_for_function("() => document.querySelector('#health [role=status]').textContent.startsWith('stop')")
    page.wait_for_timeout(1000)
    assert run.commands[-1] == "stop"


def test_settings_that_differ_stand_first(visit: Visit) -> None:
    page = visit("health")
    page.wait_for_selector("text=learner.batch")
    assert not page.is_visible("text=learner.bank")
    page.uncheck("input[type=checkbox]")
    assert page.is_visible("text=learner.bank")


def test_a_hidden_page_does_not_listen(visit: Visit, run: StandIn) -> None:
    page = visit("watch")
    assert _viewers_become(run, page, 1)
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
                  "document.dispatchEvent(new Event('visibilitychange'))")  # fmt: skip
    assert _viewers_become(run, page, 0)


def _viewers_become(run: StandIn, page: Any, count: int) -> bool:
    """Whether the run has so many viewers within some seconds: it counts them five times a second."""
    for _ in range(100):
        if run.context.viewers == count:
            return True
        page.wait_for_timeout(100)
    return False


def violations(page: Any) -> list[str]:
    """What axe finds serious or critical, with the elements."""
    from axe_core_python.sync_playwright import Axe

    found = Axe().run(page)["violations"]
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes']][:3]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def scripts_of(page: Any) -> dict[str, int]:
    """Bytes of each script that was loaded, as they were sent."""
    found: dict[str, int] = page.evaluate(
        "Object.fromEntries(performance.getEntriesByType('resource').filter(e => e.name.endsWith('.js'))"
        ".map(e => [e.name, e.encodedBodySize]))"
    )
    return found
