"""The explorer in a real browser: search, filter, compare, why-not, by mouse, keyboard and phone.

Screenshots for the documentation are written to $GENRET_SCREENSHOTS where that is set.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from served import Server, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000
EVIL = [
    {"id": "evil/1", "title": "<img src=x onerror=\"document.title='owned'\"> marinara sauce", "brand": "<b>B</b>"},
    {
        "id": "evil/2",
        "title": "\u202emarinara sauce </script><script>alert(1)</script>",
        "description": "<svg onload=x>",
    },
]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here; install it: apt-get update && apt-get install -y chromium"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api", reason="install it: pip install -e '.[dev]'")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Watched:
    """A page, with all that it said and asked for."""

    def __init__(self, context: BrowserContext, server: Server) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.server = server
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, path: str, *, cards: bool = True) -> Page:
        self.page.goto(self.server.url + path)
        if cards:
            self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until nothing is being asked, products are shown and the tree is drawn."""
        self.page.wait_for_selector("body:not(.busy) .card")
        self.page.wait_for_selector(".beam[aria-busy]", state="detached")

    def until(self, expression: str) -> None:
        """Wait until it is true; the page's policy forbids that the browser itself evaluates it again and again."""
        for _ in range(PATIENCE_MS // 50):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never true: {expression}")

    def titles(self, side: int = 0) -> list[str]:
        return self.page.locator(".side").nth(side).locator(".card h3").all_inner_texts()

    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.page.url).query)

    def shoot(self, name: str) -> None:
        folder = os.environ.get("GENRET_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    def check_quiet(self) -> None:
        """No console message, and no request to any other host."""
        assert self.said == []
        assert {urlsplit(url).netloc for url in self.asked} <= {urlsplit(self.server.url).netloc}


@pytest.fixture
def watched(browser: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[Watched]:
    options: dict[str, Any] = {"viewport": {"width": 1440, "height": 1100}, **getattr(request, "param", {})}
    context = browser.new_context(**options)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    yield Watched(context, server)
    context.close()


def check_accessible(watched: Watched) -> None:
    """axe finds nothing serious."""
    source = pytest.importorskip("axe_playwright_python").__file__
    # The page's own policy forbids foreign scripts, so axe is evaluated by the driver, as the developer tools would.
    watched.page.evaluate((Path(source).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = watched.page.evaluate("async () => (await axe.run()).violations")
    serious = [
        (one["id"], [node["html"][:120] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_a_search_unfolds_as_one_types(watched: Watched) -> None:
    page = watched.open("/", cards=False)
    page.wait_for_selector("#welcome h2")
    watched.shoot("welcome")
    page.locator("#q").press_sequentially("marinara sauce", delay=15)
    watched.settle()
    watched.until("document.title.startsWith('marinara sauce')")
    watched.settle()
    assert len(watched.titles()) == 10
    assert watched.query()["q"] == ["marinara sauce"]
    searches = [url for url in watched.asked if url.endswith("/v1/search")]
    assert 1 <= len(searches) < len("marinara sauce")
    proof = page.locator(".proof").inner_text()
    assert "the model scores no product higher than these ten" in proof or "Not certified" in proof
    assert page.locator(".pill.on").count() >= 10
    assert page.locator(".branch.pruned").count() > 0
    assert page.locator(".id .part.g0").count() > 0
    page.locator(".pill").first.hover()
    page.wait_for_selector(".panel h3:has-text('Categories')")
    watched.shoot("search")
    check_accessible(watched)
    watched.check_quiet()


def test_a_filter_greys_branches_and_is_kept_in_the_url(watched: Watched) -> None:
    page = watched.open("/?q=marinara+sauce&b=10")
    assert page.locator(".pill.filtered").count() == 0
    page.locator("#where").fill("price < 4")
    page.locator("#where").press("Enter")
    page.wait_for_selector(".pill.filtered")
    assert all(float(price) < 4 for price in page.locator(".price").all_inner_texts())
    watched.shoot("filter")
    page.select_option("#add", label="in stock")
    page.wait_for_url("**where=price*available*")
    watched.settle()
    address, titles = page.url, watched.titles()
    page.goto("about:blank")
    page.goto(address)
    watched.settle()
    assert watched.titles() == titles
    assert page.locator("#where").input_value() == "price < 4 and available"
    watched.check_quiet()


def test_what_is_wrong_is_said_in_words(watched: Watched) -> None:
    page = watched.open("/?q=milk")
    before = watched.titles()
    page.locator("#where").fill("price <")
    page.wait_for_selector("#where-error:visible")
    assert "expected a number" in page.locator("#where-error").inner_text()
    assert page.locator("#where").get_attribute("aria-invalid") == "true"
    assert watched.titles() == before
    check_accessible(watched)
    page.locator("#where").fill("price < 0.01")
    page.wait_for_selector(".empty")
    assert "No product meets this filter" in page.locator(".empty").inner_text()
    # the browser itself reports a refused request; the page says nothing more
    assert all("422" in line for line in watched.said)


def test_beam_width_and_number_of_products_change_the_tree(watched: Watched) -> None:
    page = watched.open("/?q=oat+milk&b=10&k=3")
    assert len(watched.titles()) == 3
    assert "10 kept" in (page.locator(".heads").text_content() or "")
    page.locator("#b").evaluate("(slider) => { slider.value = 30; slider.dispatchEvent(new Event('change')); }")
    page.wait_for_selector(".heads :text('30 kept')")
    page.locator("#k").fill("12")
    page.locator("#k").press("Tab")
    watched.until("document.querySelectorAll('.card').length === 12")
    assert (watched.query()["b"], watched.query()["k"]) == (["30"], ["12"])
    more = page.locator(".more")
    drawn = page.locator(".pill").count()
    more.click()
    page.locator(".pill").first.press("End")  # at once, though the last of them is drawn some frames later
    assert "pill" in str(page.evaluate("document.activeElement.getAttribute('class')"))
    assert page.evaluate("document.activeElement === [...document.querySelectorAll('.pill')].at(-1)")
    watched.settle()
    assert page.locator(".pill").count() > drawn
    page.go_back()
    watched.until("document.querySelectorAll('.card').length === 3")
    watched.check_quiet()


def test_why_not_names_the_level_at_which_a_product_left(watched: Watched) -> None:
    page = watched.open("/?q=marinara+sauce&b=5&k=3")
    with watched.server.client() as client:
        body = {"query": "bread", "k": 1, "beam_width": 50}
        far = client.post("/v1/search", json=body).json()["results"][0]["hits"][0]["product"]["id"]
    page.locator("#why-id").fill(far)
    page.locator("#why-id").press("Enter")
    page.wait_for_selector(".verdict.pruned")
    assert "It left the beam at L" in page.locator(".verdict").inner_text()
    assert "nats short" in page.locator(".verdict").inner_text()
    assert page.locator("tr.left").count() == 1
    assert watched.query()["why"] == [far]
    watched.shoot("why-not")
    check_accessible(watched)
    page.locator("#why-id").fill("nobody")
    page.locator("#why-id").press("Enter")
    page.wait_for_selector(".panel .error:has-text('no product')")
    assert all("404" in line for line in watched.said)


def test_two_systems_and_two_runs_side_by_side_with_substitutes(watched: Watched) -> None:
    page = watched.open("/?q=marinara+sauce")
    page.locator("#compare").check()
    page.wait_for_selector(".side:nth-child(2) .card")
    watched.settle()
    assert watched.titles(0) == watched.titles(1)  # the same run, copied
    assert watched.query()["run2"] == ["other"]
    page.select_option("#b-system", "bm25")
    page.wait_for_selector(".side:nth-child(2) .hint:has-text('has no beam')")
    assert page.locator(".tag:has-text('beside'), .tag:has-text('only here')").count() == page.locator(".card").count()
    page.locator(".card .chip").first.click()
    page.wait_for_selector(".substitutes")
    assert page.locator(".substitutes").count() == 2
    counted = int(page.locator(".substitutes b").first.inner_text().split(" of ")[0])
    assert page.locator(".side").first.locator(".card.substitute").count() == counted
    watched.shoot("compare")
    check_accessible(watched)
    watched.check_quiet()


def test_everything_can_be_done_by_keyboard(watched: Watched) -> None:
    page = watched.open("/?q=oat+milk&b=10")
    page.locator("body").press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.locator(".pill[tabindex='0']").focus()
    first = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("ArrowRight")
    child = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert (first[:2], child[:2]) == ("L1", "L2")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == child
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == first
    page.keyboard.press("Enter")
    page.wait_for_selector(".panel.open h2")
    page.keyboard.press("Escape")
    page.wait_for_selector(".panel:not(.open)")
    reached = set()
    page.locator("#q").focus()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("(({ id, className }) => id || className.baseVal || className)(document.activeElement)")
        )
    assert {"where", "add", "k", "b", "a-system", "exact", "compare", "why-id", "copy-curl", "copy-python"} <= reached
    assert {"title", "chip"} <= reached
    watched.check_quiet()


@pytest.mark.parametrize("watched", [{"viewport": {"width": 360, "height": 780}, "has_touch": True}], indirect=True)
def test_a_phone_shows_it_all_without_scrolling_sideways(watched: Watched) -> None:
    page = watched.open("/?q=marinara+sauce&b=10")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    watched.shoot("phone")
    page.locator(".pill").first.tap()
    page.wait_for_selector(".panel.open h3")
    check_accessible(watched)
    watched.check_quiet()


@pytest.mark.parametrize("watched", [{"color_scheme": "dark"}], indirect=True)
def test_dark_is_as_readable_and_can_be_chosen(watched: Watched) -> None:
    page = watched.open("/?q=oat+milk&where=price+%3C+6&b=12")
    watched.shoot("dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    check_accessible(watched)
    page.locator("#theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    page.reload()
    watched.settle()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    watched.check_quiet()


def test_markup_in_titles_and_queries_stays_text(watched: Watched) -> None:
    with watched.server.client() as client:
        assert client.put("/v1/products", json={"products": EVIL}).status_code == 200
        query = "<script>document.title='owned'</script> marinara"
        page = watched.open(f"/?q={query}&k=200&b=400")
        page.wait_for_selector(".card h3:has-text('onerror')")
        page.locator(".card h3 button:has-text('onerror')").click()
        page.wait_for_selector(".panel h2:has-text('onerror')")
        assert page.locator(".card img, .card script, .card b b, .panel img, .panel svg").count() == 0
        assert page.title().startswith("<script>")
        assert "owned" not in page.title().replace(query, "")
        watched.check_quiet()
        client.delete("/v1/products?id=evil/1&id=evil/2")


def test_a_search_can_be_taken_elsewhere(watched: Watched) -> None:
    page = watched.open("/?q=it's+milk&where=price+%3C+9&k=2")
    page.locator("#copy-curl").click()
    page.wait_for_selector("#copied:has-text('Copied')")
    command = page.evaluate("navigator.clipboard.readText()")
    assert command.startswith("curl -s 'http://127.0.0.1")
    found = json.loads(subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=60).stdout)
    assert [hit["product"]["title"] for hit in found["results"][0]["hits"]] == watched.titles()
    page.locator("#copy-python").click()
    watched.until("document.getElementById('copied').textContent")
    program = page.evaluate("navigator.clipboard.readText()")
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60, text=True)
    assert all(title in printed.stdout for title in watched.titles())
    watched.check_quiet()


def test_an_older_search_never_overwrites_a_newer_one(watched: Watched) -> None:
    page = watched.open("/?q=milk")
    held: list[Any] = []

    def hold(route: Any) -> None:
        if '"query":"bread"' in (route.request.post_data or ""):
            held.append(route)  # answered after the newer one
        else:
            route.continue_()

    page.route("**/v1/search", hold)
    page.locator("#q").fill("bread")
    watched.until("document.title.startsWith('bread')")
    page.locator("#q").fill("marinara sauce")
    watched.until("document.title.startsWith('marinara')")
    watched.settle()
    watched.until("[...document.querySelectorAll('.card h3')].some((one) => /sauce|marinara/i.test(one.textContent))")
    titles = watched.titles()
    for route in held:
        with suppress(Exception):  # the page has cancelled it
            route.continue_()
    page.wait_for_timeout(300)
    assert watched.titles() == titles


def test_a_token_is_asked_for_and_kept_for_the_visit(browser: Browser, built_run: Path, tmp_path: Path) -> None:
    with serving(built_run, tmp_path, env={"GENRET_TOKEN": "reading-1234"}) as server:
        context = browser.new_context()
        watched = Watched(context, server)
        page = watched.open("/?q=milk", cards=False)
        page.wait_for_selector("#token")
        page.locator("#token").fill("wrong-1234")
        page.locator("#token").press("Enter")
        page.wait_for_selector(".notice:has-text('This token is not')")
        page.locator("#token").fill("reading-1234")
        page.locator("#token").press("Enter")
        watched.settle()
        page.reload()
        watched.settle()
        assert "reading" not in page.url
        context.close()
