"""The fast path for plain HTML gives the same text as the parser."""

from hypothesis import example, given
from hypothesis import strategies as st

from catalog_gen.catalog.text import _parsed, html_to_text

_PIECES = (
    *("<p>", "</p>", "<b>", "</b>", "<br>", "<br/>", "<br />", "<li>", "<P>", "<b/>", "</p >"),
    *('<a href="x>y">', '<a href="x">', "<a href='q' class=b>", "<a href=/x>", "<img src=a.png/>"),
    *("<x-y>", "<p\n>", "<input disabled>", "<!-- x -->", "<![CDATA[", "<?php ?>", "<div", "</"),
    *("<script>", "</script>", "<title>", "&amp;", "&am", "p;", "&lt;b&gt;", "&#65;", "&copy"),
    *("<", "a < b", "text", " ", "\n", "=", '"', "'"),
)


@given(st.lists(st.sampled_from(_PIECES), max_size=9).map("".join))
@example("<p>Soft &amp; light</p><ul><li>S</li></ul>")
@example("&am<b>p;</b>")
def test_both_ways_read_the_same(markup: str) -> None:
    text = html_to_text(markup)
    if "<p" in markup or "<b" in markup:  # what looks like no tag at all is no markup
        assert text == _parsed(markup)
