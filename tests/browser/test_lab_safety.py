"""Texts, labels, ids, notes and file names may hold anything: they are shown as typed; nothing runs or is fetched."""

from __future__ import annotations

from playwright.sync_api import expect

from browser.driver import PATIENCE, answers, decisions, wait_until

SCRIPT = "<script>window.hacked = 'script'</script>"
IMAGE = "<img src=x onerror=\"window.hacked = 'image'\">"
REMOTE = '<img src="http://203.0.113.7/pixel.png"><iframe src="http://203.0.113.7/"></iframe>'
STYLE = "</style><style>body { display: none }</style>"
FOLDER = "<img src=x onerror=window.hacked=1>.alw"
NOTE = "note <b onmouseover=alert(1)>bold</b> " + IMAGE
GUIDELINES = (
    f"# Rules\n\n{IMAGE} {REMOTE}\n\n[click](javascript:window.hacked='link') ![p](http://203.0.113.7/p.png)\n"
)
DOCUMENTS = [
    {"id": IMAGE, "text": f"{SCRIPT} one {IMAGE}"},
    {"id": "<b>two</b>", "text": f"{REMOTE} two & three &amp; four"},
    {"id": "'\"><svg onload=window.hacked=1>", "text": f"{STYLE} five\n\n  six"},
]
CELL = f"""
import alwidget as alw

documents = {DOCUMENTS!r}
session = alw.annotate(
    documents, labels={{{IMAGE!r}: {SCRIPT!r}, {SCRIPT!r}: {REMOTE!r}}}, path={FOLDER!r}, model="tf-idf",
    strategy="random", annotator={IMAGE!r}, guidelines={GUIDELINES!r},
)
"""


def test_nothing_in_the_data_becomes_part_of_the_page(open_notebook, jupyterlab):
    notebook = open_notebook(jupyterlab, [CELL, "session"], lab=True)
    notebook.run_all()
    widget = notebook.widget().ready()
    texts = notebook.kernel_json("{d['id']: d['text'] for d in documents}")
    widget.focus()
    seen = []
    for key in "12":
        item = widget.item
        seen.append(item)
        assert widget.text.evaluate("e => e.textContent") == texts[item]
        assert [IMAGE in widget.labels.nth(0).inner_text(), SCRIPT in widget.labels.nth(1).inner_text()] == [
            True,
            True,
        ]
        widget.answer(key)
    widget.expect_saved(2)
    assert answers(notebook.path.parent / FOLDER) == [(seen[0], IMAGE), (seen[1], SCRIPT)]

    widget.root.get_by_test_id("flag").click()
    notebook.page.keyboard.type(NOTE)
    notebook.page.keyboard.press("Enter")
    wait_until(notebook.page, lambda: len(decisions(notebook.path.parent / FOLDER)) == 3, "the flag is on disk")
    assert decisions(notebook.path.parent / FOLDER)[-1]["note"] == NOTE

    for panel, shown in (("tab-history", IMAGE), ("tab-guidelines", "Rules")):
        widget.root.get_by_test_id(panel).click()
        expect(widget.root).to_contain_text(shown, timeout=PATIENCE)
        assert_clean(widget)
    assert notebook.page.evaluate("() => window.hacked") is None
    assert notebook.watch.elsewhere == []


def assert_clean(widget):
    """No element and no attribute under the widget's root came out of the data."""
    found = widget.root.evaluate(
        """root => [...root.querySelectorAll('*')].flatMap(e => [
            ...(['SCRIPT', 'IMG', 'IFRAME', 'OBJECT', 'EMBED', 'LINK'].includes(e.tagName) ? [e.outerHTML] : []),
            ...[...e.attributes].filter(a => a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value))
                                .map(a => `${a.name}=${a.value}`)])"""
    )
    assert found == []
