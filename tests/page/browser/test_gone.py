"""A run that ends or is killed under a visitor, and comes back."""

from typing import Any

import pytest

from tests.page.browser.standin import StandIn

pytestmark = pytest.mark.slow


def test_a_visitor_sees_that_the_run_is_gone_and_that_it_is_back(chromium: Any, run: StandIn) -> None:
    page = chromium.new_page()
    page.goto(f"{run.address}#watch")
    page.wait_for_selector(".side.learns")
    run.leave()
    page.wait_for_selector("#alarm:has-text('cannot be reached')", timeout=30_000)
    assert page.locator("#dot.bad").count() == 1
    run.come_back()
    page.wait_for_selector("#alarm", state="hidden", timeout=30_000)
    page.wait_for_selector(".side.learns")
    page.close()


def test_a_run_that_says_nothing_is_seen_to_hang(chromium: Any, run: StandIn) -> None:
    page = chromium.new_page()
    page.goto(run.address)
    page.wait_for_function("() => document.getElementById('state').textContent.includes('step')")
    run.silent = True
    page.wait_for_selector("#alarm:has-text('has said nothing')", timeout=30_000)
    run.silent = False
    page.wait_for_selector("#alarm", state="hidden", timeout=30_000)
    page.close()


def test_a_visitor_on_a_slow_line_gets_the_newest_and_is_no_burden(chromium: Any, run: StandIn) -> None:
    context = chromium.new_context()
    page = context.new_page()
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    slow = {"offline": False, "latency": 400, "downloadThroughput": 40_000, "uploadThroughput": 10_000}
    line.send("Network.emulateNetworkConditions", slow)
    page.goto(f"{run.address}#watch", timeout=60_000)
    page.wait_for_selector(".side.learns", timeout=60_000)
    before = run.step
    page.wait_for_timeout(3000)
    assert run.step > before
    assert run.context.viewers >= 1
    shown = int(page.inner_text("#state").split("step ")[1].split(" ")[0].replace(",", ""))
    assert shown >= before - 60
    context.close()
