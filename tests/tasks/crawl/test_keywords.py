"""Keywords from the config or from a text file; errors name the line."""

from pathlib import Path

import pytest

from configs.schema import CrawlConfig
from tasks.crawl.keywords import keywords_of, read_keywords
from tasks.store.errors import UserError


def test_each_line_is_a_class_with_its_queries(tmp_path: Path) -> None:
    path = tmp_path / "keywords.txt"
    path.write_text(
        "\ufeff# pets\n\ncat: cat, house cat ,cat\ndog\n 고양이 : 고양이, 냥이\ndog: puppy\n../../x: a:b\n",
        encoding="utf-8",
    )
    assert read_keywords(path) == {
        "cat": ("cat", "house cat"),
        "dog": ("dog", "puppy"),
        "고양이": ("고양이", "냥이"),
        "../../x": ("a:b",),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("猫：小猫，大猫、子猫\n犬\n", {"猫": ("小猫", "大猫", "子猫"), "犬": ("犬",)}),
        ("cat: cat photo  # pets\ndog\t# also\n", {"cat": ("cat photo",), "dog": ("dog",)}),
        ("C#: C# code, F#\n", {"C#": ("C# code", "F#")}),
        ("cat:\tcat, \r\n'n cat: Rock 'n' Roll\r\n", {"cat": ("cat",), "'n cat": ("Rock 'n' Roll",)}),
        ('cat: "cat photo", kitten\n', {"cat": ('"cat photo"', "kitten")}),
        ("e\u0301: a\n\u00e9: b\n", {"\u00e9": ("a", "b")}),
        ("قط: قط، قطة\n猫﹕家猫﹐小猫､子猫\n", {"قط": ("قط", "قطة"), "猫": ("家猫", "小猫", "子猫")}),
        ("＃ 설명\n개: 강아지 ＃ 메모\n", {"개": ("강아지",)}),
        ("1:30: clock, 1:30 pm\n12:30:05：watch\n", {"1:30": ("clock", "1:30 pm"), "12:30:05": ("watch",)}),
        ("1: one\n2:two\n3:4\n", {"1": ("one",), "2": ("two",), "3": ("4",)}),
        ("3-1: a\ncat: (cat OR kitten)\n", {"3-1": ("a",), "cat": ("(cat OR kitten)",)}),
        ("cat: https://x/y#z, https://x/y;s=1\n", {"cat": ("https://x/y#z", "https://x/y;s=1")}),
    ],
)
def test_lines_are_read_as_they_are_meant(tmp_path: Path, text: str, expected: dict[str, tuple[str, ...]]) -> None:
    path = tmp_path / "keywords.txt"
    path.write_bytes(text.encode())
    assert read_keywords(path) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"cat\n: dog\n", "keywords.txt, line 2: ': dog' has no class; write it as `class: query, query`"),
        (b"cat\ndog:\n", "line 2: 'dog:'"),
        (b"cat\ndog: , ,\n", "line 2"),
        (
            b"cat,cat photo\n",
            "line 1: 'cat,cat photo' has several values before a colon; write it as `class: query, query`",
        ),
        ("猫，小猫\n".encode(), "line 1: '猫，小猫' has several values"),
        (b"# pets\ncat;cat photo\n", "line 2: 'cat;cat photo' has several values"),
        (b"cat\tcat photo\n", "has several values before a colon"),
        (b"cat: cat; kitten\n", "'cat; kitten' is not one query"),
        (b'cat: "red, maple"\n', "'\"red' is not one query"),
        (b'"cat": cat\n', "has quotes around the class"),
        (b"cat: cat #1\n", "line 1: 'cat: cat #1' has a # after a blank"),
        (b"cat: [cat, kitten]\n", "has brackets around the queries"),
        (b'{"cat": ["cat"],\n"dog": ["dog"]}\n', "has brackets around the queries"),
        (b"---\ncat: cat\n", "line 1: '---' begins with a mark of a list or a comment"),
        (b"- cat\n- dog\n", "line 1: '- cat' begins with a mark of a list"),
        (b"// pets\ncat\n", "line 1: '// pets' begins with a mark of a list or a comment"),
        (b"1:30: clock\n11:30\n", "line 2: '11:30' can be a class and its query, or a time"),
        (b"cat -> kitten\n", "line 1: 'cat -> kitten' has several values before a colon"),
        (b"cat = kitten\n", "line 1: 'cat = kitten' has several values before a colon"),
        ("개: 강아지 ＃2\n".encode(), "has a # after a blank"),
        ("cat: cat\u2028dog: dog\n".encode(), "has a character that can't be seen"),
        (b"https://host/page\n", "has a URL, but no class before it"),
        (b"Cat: a\ndog\ncat: b\n", "line 3: class 'cat' differs from 'Cat' of line 1 only in case"),
        (b"cat\n", "contains only one class, 'cat'"),
        (b"# nothing\n", "contains no classes"),
        (b"cat\nd\xe9g\n", "it must be a text file in UTF-8"),
    ],
)
def test_an_invalid_file_is_rejected(tmp_path: Path, text: bytes, says: str) -> None:
    (tmp_path / "keywords.txt").write_bytes(text)
    with pytest.raises(UserError) as error:
        keywords_of(CrawlConfig(sources="bing", keywords=tmp_path / "keywords.txt"))
    assert says in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"crawl\.keywords: .*keywords\.txt: no such file or folder"):
        keywords_of(CrawlConfig(sources="bing", keywords=tmp_path / "keywords.txt"))


def test_repeated_queries_in_the_config_count_once() -> None:
    config = CrawlConfig(sources="bing", keywords={"cat": ("cat", "kitten", "cat"), "dog": ("dog",)})
    assert keywords_of(config) == {"cat": ("cat", "kitten"), "dog": ("dog",)}
    with pytest.raises(UserError, match="class 'cat' has an empty name or an empty query"):
        keywords_of(CrawlConfig(sources="bing", keywords={"cat": (" ",), "dog": ("dog",)}))


def test_a_class_of_the_config_in_two_unicode_forms_is_one() -> None:
    config = CrawlConfig(sources="bing", keywords={"cafe\u0301": ("a",), "caf\u00e9": ("b",), "dog": ("dog",)})
    assert keywords_of(config) == {"caf\u00e9": ("a", "b"), "dog": ("dog",)}
