"""Keywords: from the config or from a text file, and refused with the line that is wrong."""

from pathlib import Path

import pytest

from configs.schema import CrawlConfig
from tasks.crawl.keywords import keywords_of, read
from tasks.store.errors import UserError


def test_a_line_is_a_class_with_its_queries(tmp_path: Path) -> None:
    path = tmp_path / "keywords.txt"
    path.write_text(
        "\ufeff# pets\n\ncat: cat, house cat ,cat\ndog\n 고양이 : 고양이, 냥이\ndog: puppy\n../../x: a:b\n",
        encoding="utf-8",
    )
    assert read(path) == {
        "cat": ("cat", "house cat"),
        "dog": ("dog", "puppy"),
        "고양이": ("고양이", "냥이"),
        "../../x": ("a:b",),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"cat\n: dog\n", "keywords.txt, line 2: ': dog'; write it as `class: query, query`"),
        (b"cat\ndog:\n", "line 2: 'dog:'"),
        (b"cat\ndog: , ,\n", "line 2"),
        ("猫：小猫，大猫\n犬\n".encode(), "line 1: '猫：小猫，大猫'; write it as `class: query, query`"),
        (b"cat\n", "holds one class only, 'cat'"),
        (b"# nothing\n", "holds no classes"),
        (b"cat\nd\xe9g\n", "it must be a text file in UTF-8"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: bytes, says: str) -> None:
    (tmp_path / "keywords.txt").write_bytes(text)
    with pytest.raises(UserError) as error:
        keywords_of(CrawlConfig(sources="bing", keywords=tmp_path / "keywords.txt"))
    assert says in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"keywords\.txt: there is no such file"):
        keywords_of(CrawlConfig(sources="bing", keywords=tmp_path / "keywords.txt"))


def test_the_configs_own_keywords_are_each_asked_once() -> None:
    config = CrawlConfig(sources="bing", keywords={"cat": ("cat", "kitten", "cat"), "dog": ("dog",)})
    assert keywords_of(config) == {"cat": ("cat", "kitten"), "dog": ("dog",)}
    with pytest.raises(UserError, match="class 'cat' has an empty name or an empty query"):
        keywords_of(CrawlConfig(sources="bing", keywords={"cat": (" ",), "dog": ("dog",)}))
