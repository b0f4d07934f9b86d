"""Which column is what: named, found, or an error that lists what there is."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa
import pytest

from alwidget.errors import ArgumentError, DataError
from alwidget.pool import Pool
from alwidget.pool.columns import Column, find


def columns(*names: str) -> list[Column]:
    """Return columns; a name that ends in # is one of numbers, one that ends in ? of neither."""
    kinds = {"#": "number", "?": "other"}
    return [Column(name.rstrip("#?"), kinds.get(name[-1], "text")) for name in names]


def found(*names: str, **given: object) -> dict[str, str]:
    return find(columns(*names), given, "the data").columns


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        (["text"], {"text": "text"}),
        (["Text"], {"text": "Text"}),
        ([" TEXT "], {"text": " TEXT "}),
        (["text", "review", "title"], {"text": "text"}),
        (["review", "title"], {"text": "review"}),
        (["Review Text", "stars#"], {"text": "Review Text"}),
        (["review-text", "title"], {"text": "review-text"}),
        (["sentence", "label"], {"text": "sentence", "label": "label"}),
        (["headline", "date?"], {"text": "headline"}),
        (["whatever"], {"text": "whatever"}),
        (["whatever", "n#", "date?"], {"text": "whatever"}),
        (
            ["whatever", "id", "label", "source"],
            {"text": "whatever", "id": "id", "source": "source", "label": "label"},
        ),
        (
            ["content", "doc_id", "domain", "category"],
            {"text": "content", "id": "doc_id", "source": "domain", "label": "category"},
        ),
        (["text", "id", "doc_id"], {"text": "text", "id": "id"}),
        (["text", "uid", "doc_id"], {"text": "text"}),
        (["text", "category", "class"], {"text": "text"}),
        (["text", "label#", "label_text"], {"text": "text", "label": "label_text"}),
        (["text", "label#"], {"text": "text", "label": "label"}),
        (["text", "label", "label_text"], {"text": "text", "label": "label"}),
        (["text", "text_pair"], {"text": "text", "text_pair": "text_pair"}),
        (["premise", "hypothesis", "label#"], {"text": "premise", "text_pair": "hypothesis", "label": "label"}),
        (["sentence1", "sentence2"], {"text": "sentence1", "text_pair": "sentence2"}),
        (["Sentence 1", "Sentence 2"], {"text": "Sentence 1", "text_pair": "Sentence 2"}),
        (["question1", "question2", "id#"], {"text": "question1", "text_pair": "question2", "id": "id"}),
        (["text", "premise", "hypothesis"], {"text": "text"}),
        (["document", "premise"], {"text": "document"}),
    ],
)
def test_columns_are_found_by_their_usual_names(names, roles):
    assert found(*names) == roles


@pytest.mark.parametrize(
    "names",
    [
        ["one", "two"],
        ["review", "comment"],
        ["title", "description"],
        ["premise", "hypothesis", "sentence1", "sentence2"],
        ["n#", "m#"],
        ["id", "label"],
        ["question", "context"],
        ["id", "split", "tokens?"],
        [],
    ],
)
def test_what_cannot_be_told_is_an_error_that_lists_the_columns(names):
    with pytest.raises(DataError, match=r'cannot tell which column.*text="…"') as error:
        found(*names)
    assert all(name.rstrip("#?") in str(error.value) for name in names)


def test_given_columns_win():
    assert found("text", "review", text="review") == {"text": "review"}
    assert found("premise", "hypothesis", text="premise") == {"text": "premise"}
    assert found("a", "b", text="b", text_pair="a") == {"text": "b", "text_pair": "a"}
    assert found("text", "id", "name", id="name") == {"text": "text", "id": "name"}
    assert found("text", "id", "label", "source", id=False, label=False, source=False) == {"text": "text"}
    assert found("text", "text_pair", text_pair=False) == {"text": "text"}
    assert found("text", "text_pair", text="text") == {"text": "text", "text_pair": "text_pair"}
    assert found("text", "label", source="label") == {"text": "text", "source": "label"}
    assert found("text", "label", source="label", label="label") == {
        "text": "text",
        "source": "label",
        "label": "label",
    }


def test_found_and_given_are_told_apart():
    roles = find(columns("text", "id", "label", "topic"), {"label": "topic"}, "the data")
    assert roles.columns == {"text": "text", "id": "id", "label": "topic"}
    assert roles.found == {"text", "id"}


def test_a_missing_column_is_an_error_with_a_near_miss_and_the_list():
    with pytest.raises(DataError) as error:
        found("id", "Text", "label", text="text", label="lable")
    assert str(error.value).splitlines() == [
        'the data has no column "text" (text="text"). Did you mean "Text"? Its columns: id, Text, label.',
        'the data has no column "lable" (label="lable"). Did you mean "label"? Its columns: id, Text, label.',
    ]


def test_many_columns_are_not_all_listed():
    with pytest.raises(DataError, match=r"… \(500 in all\)"):
        found(*[f"c{i}" for i in range(500)])


@pytest.mark.parametrize("bad", [{"text": False}, {"text": True}, {"label": ["a"]}, {"text_pair": 1.5}])
def test_arguments_that_are_no_columns_are_refused(bad):
    with pytest.raises(ArgumentError, match=next(iter(bad))):
        Pool.load(["a"], **bad)


def test_one_column_cannot_be_both_texts():
    with pytest.raises(ArgumentError, match="both"):
        found("text", "other", text="text", text_pair="text")


def test_columns_that_are_called_the_same_are_an_error_only_where_it_matters(tmp_path):
    (tmp_path / "rows.csv").write_text("text,note,note\na,b,c\n")
    assert Pool.load(tmp_path / "rows.csv")[0].text == "a"
    (tmp_path / "twice.csv").write_text("text,text,note\na,b,c\n")
    with pytest.raises(DataError, match='several columns called "text"'):
        Pool.load(tmp_path / "twice.csv")
    with pytest.raises(DataError, match="several columns"):
        Pool.load(pd.DataFrame([["a", "b"]], columns=["text", "text"]))
    with pytest.raises(DataError, match="several columns"):
        Pool.load(pa.table([["a"], ["b"]], names=["text", "text"]))


def test_columns_without_a_name_get_one(tmp_path):
    (tmp_path / "rows.csv").write_text(",text,\n0,a,x\n1,b,y\n")
    assert [d.text for d in Pool.load(tmp_path / "rows.csv")] == ["a", "b"]
    assert [d.text for d in Pool.load(tmp_path / "rows.csv", text="column 3")] == ["x", "y"]


@pytest.mark.parametrize(
    "content",
    [
        '"3","Stocks fell again on Monday after a bad week."\n"1","Peace talks go on."\n',
        "0,this movie is good\n1,this one is not\n",
        "1\t2\nsome text\t3\n",
        "I liked this film very much indeed; it was fun\tyes\nI did not\tno\n",
    ],
)
def test_a_file_without_column_names_is_not_taken_for_one_with(content, tmp_path):
    (tmp_path / "rows.csv").write_text(content)
    with pytest.raises(DataError, match="first line looks like a row"):
        Pool.load(tmp_path / "rows.csv")


def test_the_only_column_is_the_text_whatever_is_in_it(tmp_path):
    (tmp_path / "rows.csv").write_text("answers\n0\n12\n-\n")
    assert [d.text for d in Pool.load(tmp_path / "rows.csv")] == ["0", "12", "-"]
    assert Pool.load(pd.DataFrame({"answers": ["0", "1"]}))[0].text == "0"
    assert Pool.load([{"answers": "0"}])[0].text == "0"


def test_numbers_dates_and_flags_are_not_taken_for_the_text(tmp_path):
    rows = [{"n": f"{i}", "when": "2026-01-05", "flag": "true", "gap": "NA", "said": f"words {i}"} for i in range(3)]
    pd.DataFrame(rows).to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    for data in (tmp_path / "rows.csv", tmp_path / "rows.json", rows, pd.DataFrame(rows), pa.Table.from_pylist(rows)):
        assert Pool.load(data).columns == {"text": "said"}


def test_a_few_words_again_and_again_are_not_taken_for_the_text(tmp_path):
    rows = [{"topic": "sports" if i % 3 else "politics", "said": f"words {i}"} for i in range(100)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for data in (rows, tmp_path / "rows.jsonl", pd.DataFrame(rows)):
        assert Pool.load(data).columns == {"text": "said"}
    assert Pool.load([{"text": "ok"}] * 100)[99].text == "ok"
    assert Pool.load([{"anything": "ok"}] * 100)[99].text == "ok"


def test_columns_that_only_late_rows_have_are_found(tmp_path):
    rows = [{"text": f"document {i}"} for i in range(3000)]
    rows[2500].update(label="yes", id="late")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    for data in (tmp_path / "rows.jsonl", tmp_path / "rows.json", rows):
        pool = Pool.load(data)
        assert pool.columns == {"text": "text", "id": "id", "label": "label"}
        assert pool.given_label(2500) == "yes"
        assert pool[2500].id == "late"
        assert pool.given_label(0) is None


def test_a_named_column_that_only_late_rows_have_is_used(tmp_path):
    rows = [{"text": f"document {i}"} for i in range(3000)]
    rows[2500]["gold answer"] = "yes"
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert Pool.load(tmp_path / "rows.jsonl", label="gold answer").given_label(2500) == "yes"
    assert Pool.load(rows, label="gold answer").given_label(2500) == "yes"
    with pytest.raises(DataError, match='Did you mean "gold answer"'):
        Pool.load(tmp_path / "rows.jsonl", label="gold anwser")


def test_columns_may_be_numbers():
    frame = pd.DataFrame([["a", "x"], ["b", "y"]])
    assert Pool.load(frame, text=1)[0].text == "x"
    assert Pool.load([{0: "a", 1: "x"}], text="1", label=0).given_label(0) == "a"


def test_a_text_pair_may_be_missing():
    rows = [{"text": "a", "text_pair": "b"}, {"text": "c", "text_pair": None}, {"text": "d", "text_pair": " "}]
    pool = Pool.load([*rows, {"text": "e", "text_pair": 3}])
    assert [(d.text, d.text_pair) for d in pool] == [("a", "b"), ("c", None), ("d", None)]
    assert list(pool.batch([0, 1]).pairs) == ["b", ""]
    assert [p.kind for p in pool.problems] == ["not-text"]


def test_labels_come_out_as_text():
    values = ["pos", 1, 1.0, 2.5, True, None, float("nan"), "", ["a", "b"]]
    pool = Pool.load([{"text": f"t{i}", "label": value} for i, value in enumerate(values)])
    assert [pool.given_label(i) for i in range(len(values))] == [
        *("pos", "1", "1", "2.5", "true", None, None, None, '["a", "b"]')
    ]
    assert pool.has_labels
    assert not Pool.load(["a"]).has_labels
    assert Pool.load(["a"]).given_label(0) is None
