"""Other people's encodings: marks are followed, guesses are said, damage costs a line."""

from __future__ import annotations

import csv
import io

import pytest

from alwidget.errors import DataError
from alwidget.pool import Pool


def load(tmp_path, content: str | bytes, name: str = "rows.csv", **options: object) -> Pool:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Pool.load(path, **options)


def texts(pool: Pool) -> list[str]:
    return [document.text for document in pool]


def where(pool: Pool) -> list[str]:
    return [problem.where for problem in pool.problems]


WESTERN = "id,text\n1,Das Café war schön\n2,El niño comió – “bien”\n3,plain\n"


RUSSIAN = "id,text\n" + "".join(f"{i},Привет как дела сегодня мы идём домой {i}\n" for i in range(20))


CHINESE = "id,text\n" + "".join(f"{i},酒店的服务非常好，房间也很干净。{i}\n" for i in range(20))


JAPANESE = "id,text\n" + "".join(f"{i},これは日本語のテキストです。今日は天気がいい。{i}\n" for i in range(20))


def test_an_encoding_may_be_named_with_its_mark_there(tmp_path):
    for name, written in {"utf-8": "utf-8-sig", "utf8": "utf-8-sig", "utf-16": "utf-16"}.items():
        pool = load(tmp_path, WESTERN.encode(written), encoding=name, strict=True)
        assert pool.columns["id"] == "id"
        assert texts(pool)[0] == "Das Café war schön"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (WESTERN, "cp1252"),
        (WESTERN.replace("–", "-").replace("“", "").replace("”", ""), "latin-1"),
        ("text,n\ncafé crème,1\n", "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (CHINESE, "gb18030"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
    ],
)
def test_other_encodings_are_detected_and_said(content, encoding, tmp_path):
    pool = load(tmp_path, content.encode(encoding))
    assert texts(pool) == [row["text"] for row in csv.DictReader(io.StringIO(content))]
    assert [p.kind for p in pool.problems] == ["encoding"]
    assert "encoding=" in pool.problems[0].what
    assert pool.set_aside == 0
    named = load(tmp_path, content.encode(encoding), encoding=encoding, strict=True)
    assert named.fingerprint == pool.fingerprint
    with pytest.raises(DataError, match="guess"):
        load(tmp_path, content.encode(encoding), strict=True)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_recognised(encoding, tmp_path):
    pool = load(tmp_path, WESTERN.encode(encoding))
    assert texts(pool)[0] == "Das Café war schön"
    assert pool.problems[0].kind == "encoding"


def test_an_old_encoding_is_seen_behind_a_million_plain_characters(tmp_path):
    plain = "".join(f"{i},plain text number {i}\n" for i in range(100_000))
    pool = load(tmp_path, ("id,text\n" + plain + "x,Straße und Café\n").encode("cp1252"))
    assert texts(pool)[-1] == "Straße und Café"
    assert len(pool) == 100_001


def test_a_few_damaged_lines_do_not_make_another_encoding(tmp_path):
    good = "".join(f"{i},schön {i}\n" for i in range(10)).encode()
    pool = load(tmp_path, b"id,text\n" + good + b"x,caf\xe9\n" + good.replace(b",", b"0,"))
    assert len(pool) == 20
    assert where(pool) == ["rows.csv, line 12"]
    assert "0xe9" in pool.problems[0].what
    assert "encoding=" in pool.problems[0].what


def test_damage_outside_the_columns_that_are_used_is_no_matter(tmp_path):
    content = b"text,other\nsch\xc3\xb6n,x\ngut,caf\xe9\n\xc3\xa4,y\n"
    assert texts(load(tmp_path, content, strict=True)) == ["schön", "gut", "ä"]


def test_utf16_that_breaks_off_keeps_what_came_before(tmp_path):
    content = ("id,text\n" + "".join(f"{i},zeile {i}\n" for i in range(10_000))).encode("utf-16")
    pool = load(tmp_path, content[:-3])
    assert len(pool) > 9000
    assert texts(pool)[:2] == ["zeile 0", "zeile 1"]
    assert pool.problems[-1].kind == "broken"
