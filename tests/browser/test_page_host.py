"""What hosts do to a widget: shadow roots, rendering twice, taking it away; and data that would like to be code."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.driver import Widget

IMAGE = "<img src=x onerror=\"window.hacked = 'image'\">"
SCRIPT = "<script>window.hacked = 'script'</script>"
STYLE = "</style><style>body { display: none }</style>"
REMOTE = '<img src="http://203.0.113.7/p.png"><link rel=stylesheet href="http://203.0.113.7/x.css">'
TEXTS = [
    f"{SCRIPT} one {IMAGE}",
    f"{STYLE} two & three &amp; four",
    "five\r\n\r\n  six\t\u00a0seven \u202eeight \u200b nine\n",
    "👩‍👩‍👧‍👦 café cafe\u0301 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \ud800 lone",
    REMOTE,
]


def test_works_inside_a_shadow_root_that_gets_no_style_from_outside(plain):
    page = plain({})
    page.tab.evaluate(
        """async () => {
            const css = await (await fetch('../alwidget/widget/static/widget.css')).text();
            document.querySelector('link[rel=stylesheet]').remove();
            window.opened.close();
            const host = document.createElement('div');
            document.body.append(host);
            const root = host.attachShadow({mode: 'open'});
            const el = document.createElement('div');
            root.append(el);
            window.opened = window.demo.open(window.widget, el, {answered: 3, css});
        }"""
    )
    widget = Widget(page.tab.locator(".alwidget-root")).ready()
    assert widget.root.evaluate("e => getComputedStyle(e).borderRadius") == "10px"
    widget.text.click()
    widget.answer("2")
    widget.expect_saved(4)
    assert page.tab.evaluate("() => document.head.querySelectorAll('style').length") == 1, "only the page's own"


def test_rendering_twice_into_one_element_leaves_one_widget(plain):
    page = plain({})
    page.tab.evaluate(
        """() => { const {model} = window.opened; const el = document.getElementById('place');
                   window.second = window.widget.render({model, el, signal: new AbortController().signal}) }"""
    )
    expect(page.tab.locator(".alwidget-root")).to_have_count(1)
    page.focus()
    page.answer("1")
    page.expect_saved(129)
    page.tab.evaluate("() => { window.second(); window.second() }")
    expect(page.tab.locator(".alwidget-root")).to_have_count(0)


def test_two_views_follow_each_other_and_one_outlives_the_other(plain):
    page = plain({})
    page.tab.evaluate(
        """() => { const el = document.createElement('div'); document.body.append(el);
                   window.controller = new AbortController();
                   window.widget.render({model: window.opened.model, el, signal: controller.signal}) }"""
    )
    other = Widget(page.tab.locator(".alwidget-root").nth(1)).ready()
    page.focus()
    page.answer("1")
    expect(other.card).to_have_attribute("data-item-id", page.item)
    other.expect_saved(129)
    page.tab.evaluate("() => controller.abort()")
    expect(page.tab.locator(".alwidget-root")).to_have_count(1)
    page.answer("2")
    page.expect_saved(130)


def test_listens_to_nothing_outside_of_itself(plain):
    page = plain({})
    counted = page.tab.evaluate(
        """() => { const counted = [];
            for (const target of [window, document]) {
                const add = target.addEventListener;
                target.addEventListener = function (type, ...rest) { counted.push(type); return add.call(this, type, ...rest); };
            }
            const el = document.createElement('div'); document.body.append(el);
            window.demo.open(window.widget, el, {});
            return counted; }"""
    )
    assert counted == []


def test_data_is_shown_as_it_is_typed_and_nothing_of_it_runs(plain):
    documents = [{"item": text, "text": text, "source": IMAGE, "note": IMAGE} for text in TEXTS]
    page = plain(
        {
            "documents": documents,
            "labels": {IMAGE: SCRIPT, "constructor": STYLE, "__proto__": REMOTE},
            "name": IMAGE,
            "guidelines": f"# {SCRIPT}\n\n{IMAGE} [x](javascript:window.hacked=1) ![y](http://203.0.113.7/q.png)",
            "problems": [f"{IMAGE}.csv, line 2: {SCRIPT}"],
            "notice": IMAGE,
            "answered": 0,
        }
    )
    page.focus()
    texts = [document["text"] for document in documents]
    for key, text in zip("12311", texts, strict=True):
        shown = page.text.evaluate("e => e.textContent")
        assert shown == page.kernel(f"return session.items.get(session.order[{texts.index(text)}]).text")
        page.press(key)
    for panel in ("history", "guidelines", "model", "problems"):
        page.panel(panel)
        expect(page.root.get_by_test_id(f"panel-{panel}")).to_contain_text("<")
    page.expect_saved(5)
    assert [said["value"] for said in page.said()] == [IMAGE, "constructor", "__proto__", IMAGE, IMAGE]
    assert page.tab.evaluate("() => window.hacked") is None
    elements = "root => [...root.querySelectorAll('script, img, link, style, iframe')].length"
    assert page.root.evaluate(elements) == 0
    assert page.root.evaluate("root => [...root.querySelectorAll('a')].map(a => a.href)") == []


@pytest.mark.parametrize("newlines", [True, False])
def test_two_hundred_thousand_letters_are_all_there(plain, newlines):
    text = (("lorem ipsum dolor sit amet " * 40).strip() + ("\r\n" if newlines else " ")) * 190
    assert len(text) > 200_000
    page = plain({"documents": [{"text": text}, {"text": "short"}], "answered": 0})
    assert page.text.evaluate("e => e.textContent") == text
    page.focus()
    page.press("1")
    expect(page.text).to_have_text("short")
    page.press("ArrowLeft")
    assert page.text.evaluate("e => e.textContent") == text


def test_a_reload_with_a_busy_kernel_goes_on_where_it_was(plain, context):
    page = plain({"answered": 2})
    page.focus()
    page.kernel("kernel.busy = true")
    page.press("1", "2", "3")
    page.expect_item("doc-5")
    page.tab.reload()
    page.ready()
    page.focus()
    page.tab.wait_for_function("() => window.opened.kernel.session.said.length === 5")
    assert [(said["item"], said["value"]) for said in page.said()] == [
        ("doc-2", "World"),
        ("doc-3", "Sports"),
        ("doc-4", "Business"),
    ]
    page.expect_item("doc-5")
    page.expect_saved(5)
    assert context.pages[0].evaluate("() => Object.keys(localStorage).filter(k => k.includes('outbox'))") == []
