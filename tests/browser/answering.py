"""What tests of the cards on a plain page share: what the kernel heard, how a card looks, and the looks to try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from browser.driver import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playwright.sync_api import Locator

    from browser.plain_page import PlainPage

IMAGE = "<img src=x onerror=\"window.hacked = 'image'\">"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"theme": "light"},
    "dark": {"theme": "dark", "color_scheme": "dark"},
    "narrow": {"theme": "light", "size": (320, 1000)},
    "more contrast": {"theme": "dark", "contrast": "more"},
    "forced colours": {"theme": "light", "forced_colors": "active"},
}
WIDE = "() => document.documentElement.scrollWidth"
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def heard(page: PlainPage, count: int) -> list[tuple[str, Any, str | None]]:
    """Return (id, value, origin) of all that the kernel heard, once it has heard `count` decisions."""
    wait_until(page.tab, lambda: len(page.said()) >= count, f"the kernel hears {count} decisions")
    # Only a wait can show that nothing more comes.
    page.tab.wait_for_timeout(100)
    return [(said["item"], said["value"], said["origin"]) for said in page.said()]


def drafts_kept(page: PlainPage) -> None:
    """Wait until what was begun is in the browser's storage, as it is a moment after each edit."""
    page.tab.wait_for_function("() => Object.keys(localStorage).some(key => key.startsWith('alwidget:drafts:'))")


def places(page: PlainPage, parts: Iterable[Locator]) -> str:
    """Return where these parts of the card and its buttons are, once the page is drawn."""
    page.tab.evaluate(FRAMES)
    fixed = [page.root.get_by_test_id(name) for name in ("skip", "flag", "undo")]
    return str([part.bounding_box() for part in (*parts, *fixed, page.root)])
