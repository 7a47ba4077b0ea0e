"""The collector is held off inside a block, and is afterwards as it was before."""

import gc

import pytest

from catalog_gen.garbage import uncollected


def test_collecting_goes_on_after_an_error() -> None:
    def fail() -> None:
        with uncollected():
            with uncollected():
                assert not gc.isenabled()
            assert not gc.isenabled()
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert gc.isenabled()
