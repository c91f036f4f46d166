"""Short names of licences."""

import pytest

from tasks.crawl.engines.licences import normalize


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("CC BY-SA 4.0", "CC BY-SA 4.0"),
        ("cc-by-sa-3.0-de", "CC BY-SA 3.0 DE"),
        ("CC BY 2.0", "CC BY 2.0"),
        ("cc by-nc-nd 2.5", "CC BY-NC-ND 2.5"),
        ("by-nc", "CC BY-NC"),
        ("https://creativecommons.org/licenses/by-nc-sa/2.0/", "CC BY-NC-SA 2.0"),
        ("http://creativecommons.org/licenses/by/3.0/deed.de", "CC BY 3.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "Public domain"),
        ("cc0", "CC0 1.0"),
        ("CC0 1.0", "CC0 1.0"),
        ("CC-zero", "CC0 1.0"),
        ("pdm", "Public domain"),
        ("PD-old-100", "Public domain"),
        ("Public domain", "Public domain"),
        ("No restrictions", "No known copyright restrictions"),
        ("no known copyright restrictions", "No known copyright restrictions"),
        ("GFDL", "GFDL"),
        ("by hand", "by hand"),
        ("  ", None),
        (None, None),
    ],
)
def test_names_codes_and_urls_have_one_short_name(name: str | None, form: str | None) -> None:
    assert normalize(name) == form
