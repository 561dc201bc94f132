"""Tests that results print as tables, in a terminal and in a notebook."""

import numpy as np

from pybackprop._reports import Tabular, as_html, as_text


class Result(Tabular):
    def _tables(self):
        yield "First <one>", ["layer", "norm"], [("W1", 0.123456), ("W2", None)]
        yield "Second", ["ok", "rows"], [(np.True_, 12), (False, 1200)]


def test_columns_are_aligned():
    assert repr(Result()) == (
        "First <one>\n"
        "layer    norm\n"
        "-----  ------\n"
        "W1     0.1235\n"
        "W2          -\n"
        "\n"
        "Second\n"
        "ok   rows\n"
        "---  ----\n"
        "yes    12\n"
        "no   1200"
    )


def test_a_notebook_shows_the_same_cells_and_escapes_markup():
    html = Result()._repr_html_()
    assert html.count("<table>") == html.count("</table>") == 2
    assert html.count("<tr>") == html.count("</tr>") == 6
    assert "First &lt;one&gt;" in html
    for cell in ("W1", "0.1235", "yes", "1200"):
        assert f">{cell}</td>" in html


def test_a_table_without_rows():
    assert as_text("Nothing", ["a", "b"], []) == "Nothing\na  b\n-  -"
    assert "<tbody>\n</tbody>" in as_html("Nothing", ["a", "b"], [])


def test_long_titles_are_wrapped_in_a_terminal_and_whole_in_a_notebook():
    sentence, formula = "a word " * 20, "    " + "x + " * 30
    title = f"{sentence}\n{formula}"
    lines = as_text(title, ["a"], [[1]]).splitlines()
    assert [len(line) <= 88 for line in lines[:2]] == [True, True]
    assert lines[2] == formula.rstrip() or lines[2] == formula
    html = as_html(title, ["a"], [[1]])
    assert f"<p>{sentence}<br>\N{NO-BREAK SPACE}" in html


def test_heads_over_short_numbers_and_sentences_take_several_lines():
    sentence = "one two three four five six seven eight nine ten eleven twelve"
    text = as_text("", ["x", "change of W / W, epoch 1", "words"], [[1, 2, sentence]])
    assert text == (
        "x  change of W / W,  words\n"
        "            epoch 1\n"
        "-  ----------------  "
        "------------------------------------------------\n"
        "1                 2  one two three four five six seven eight nine ten\n"
        "                     eleven twelve"
    )
