"""The pages, run without a browser."""

import time

import pytest
from streamlit.testing.v1 import AppTest

from catalog_gen.web.desk import Desk
from catalog_gen.web.serve import SCRIPT


PAGE = """
from catalog_gen.web import {name}
from catalog_gen.web.parts import errors_shown

with errors_shown():
    {name}.page()
"""


def opened(name: str, **address: str) -> AppTest:
    page = AppTest.from_string(PAGE.format(name=name), default_timeout=30)
    page.query_params |= address
    return ran(page)


def ran(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception, page.exception[0].stack_trace
    return page


def test_it(desk: Desk) -> None:
    for path in ("review", "trying", "catalog"):
        started = time.monotonic()
        page = opened(path)
        print(path, time.monotonic() - started, [t.value for t in page.title], page.error, [b.label for b in page.button])
        print([e.value for e in page.error])
