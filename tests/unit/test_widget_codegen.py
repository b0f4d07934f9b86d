"""``js/src/protocol.ts`` says what `alwidget.widget.protocol` says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from alwidget.widget import codegen, protocol


def test_the_committed_types_are_not_stale():
    assert codegen.TARGET.read_text(encoding="utf-8") == codegen.generate(), (
        "js/src/protocol.ts is stale; run `python -m alwidget.widget.codegen`"
    )
    assert codegen.main(["--check"]) == 0


def test_check_fails_on_drift_and_writing_repairs_it(tmp_path, capsys):
    target = tmp_path / "deep" / "protocol.ts"
    assert codegen.main(["--check", "--output", str(target)]) == 1
    assert not target.exists(), "a check writes nothing"
    assert "python -m alwidget.widget.codegen" in capsys.readouterr().err

    assert codegen.main(["--output", str(target)]) == 0
    assert codegen.main(["--check", "--output", str(target)]) == 0

    target.write_text(target.read_text(encoding="utf-8").replace("retry: boolean", "retry: string"), encoding="utf-8")
    assert codegen.main(["--check", "--output", str(target)]) == 1


def test_every_message_is_there_with_its_kind_and_all_its_fields():
    text = codegen.generate()
    for message in (*protocol.FromPage.__args__, *protocol.ToPage.__args__):
        body = text.split(f"export interface {message.__name__} {{")[1].split("}")[0]
        assert f'kind: "{message.__struct_config__.tag}";' in body
        for field in message.__struct_fields__:
            assert f"  {field}: " in body, (message, field)
    assert "export type FromPage = Hello | Decide | Request | SetOption;" in text


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (str, "string"),
        (int | None, "number | null"),
        (Any, "unknown"),
        (list[str | None], "(string | null)[]"),
        (dict[str, list[float]], "Record<string, number[]>"),
        (protocol.Action, "Action"),
        (list[protocol.Item] | None, "Item[] | null"),
    ],
)
def test_types(annotation, wanted):
    assert codegen._type(annotation) == wanted


def test_a_type_without_a_typescript_form_is_refused():
    with pytest.raises(TypeError, match="no TypeScript form"):
        codegen._type(msgspec.Raw)
