"""A disk that fails: the page says that nothing is being saved, labelling goes on, and all is written when it can be."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from browser.cells import LABELLING, LABELS, SESSION, SHOW
from browser.driver import PATIENCE, answers, wait_until


def test_decisions_outlive_a_directory_that_vanishes_for_a_while(open_notebook, jupyterlab):
    notebook = open_notebook(jupyterlab, [LABELLING, SHOW], lab=True)
    notebook.run_all()
    widget = notebook.widget().ready()
    widget.focus()
    given = [(widget.answer("1"), LABELS[0])]
    widget.expect_saved(1)
    session = notebook.path.parent / SESSION
    away = session.with_name("unplugged")
    session.rename(away)

    given.append((widget.answer("2"), LABELS[1]))
    expect(widget.root).to_contain_text(re.compile("not being saved"), timeout=PATIENCE)
    given.append((widget.answer("3"), LABELS[2]))
    assert widget.saved_count() <= 1, "what is not in the session's directory is not called saved"
    assert answers(away) == given[:1]

    away.rename(session)
    widget.expect_saved(3)
    wait_until(notebook.page, lambda: "not being saved" not in widget.root.inner_text(), "the warning is gone")
    assert answers(session) == given
    assert notebook.kernel_json("session.status.storage_error") is None
