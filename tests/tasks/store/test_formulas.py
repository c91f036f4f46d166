"""Text that a spreadsheet would run as a formula."""

import pytest

from tasks.store.formulas import guard, unguard


@pytest.mark.parametrize("text", ["=1+1", "+49", "-x", "@SUM(A1)", "\tx", "\r=x", "'=1", "''-x", "'\t"])
def test_a_formula_is_guarded_and_comes_back(text: str) -> None:
    assert guard(text) == f"'{text}"
    assert unguard(guard(text)) == text


@pytest.mark.parametrize("text", ["", "a=b", "'tis", "2-1", " =", "고양이", "'"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert guard(text) == unguard(text) == text
