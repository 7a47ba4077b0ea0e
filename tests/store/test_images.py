import pytest

from catalog_gen.errors import CorruptionError, InputError
from catalog_gen.store.images import damaged_images, find_image, stored_image, stored_png
from catalog_gen.store.ledger import open_work
from tests.store.shop import ENVIRONMENT, Shop, drawn, mug, png_of, spoil


@pytest.fixture(params=["folder", "duckdb"])
def shop(shop: Shop, request: pytest.FixtureRequest) -> Shop:
    shop.place = request.param
    return shop


@pytest.fixture
def image_ids(shop: Shop) -> list[str]:
    shop.record([mug(number) for number in range(3)])
    shop.plan()
    with shop.store.reading() as connection:
        work = open_work(connection, None, 3)
    shop.draw([item.recipe_id for item in work])
    return [item.recipe_id for item in work]


def test_a_picture_comes_back_as_it_was(shop: Shop, image_ids: list[str]) -> None:
    with shop.store.reading() as connection:
        pictures = shop.store.pictures(connection)
        assert stored_png(connection, pictures, image_ids[0]) == png_of(image_ids[0])
        image = stored_image(connection, image_ids[0])
        assert damaged_images(connection, pictures) == []
    assert image.recipe.recipe_id == image_ids[0]
    assert image.environment == ENVIRONMENT
    assert (image.product_id, image.view) == ("mug-0", "packshot")


@pytest.mark.parametrize("damage", [b"\xab", b"", None])
def test_damaged_bytes_are_reported_and_never_served(
    shop: Shop, image_ids: list[str], damage: bytes | None
) -> None:
    spoil(shop.store, drawn(image_ids[1]).sha256, damage)
    with shop.store.reading() as connection:
        pictures = shop.store.pictures(connection)
        assert damaged_images(connection, pictures) == [image_ids[1]]
        with pytest.raises(CorruptionError, match=image_ids[1]):
            stored_png(connection, pictures, image_ids[1])


def test_a_picture_is_found_by_id_or_by_hash(shop: Shop, image_ids: list[str]) -> None:
    with shop.store.reading() as connection:
        for image_id in image_ids:
            assert find_image(connection, image_id[:20].upper()) == image_id
            assert find_image(connection, drawn(image_id).sha256[:20]) == image_id
        for nonsense in ("", "12", "xyz-1", "' OR 1=1 --"):
            with pytest.raises(InputError, match="hexadecimal digits"):
                find_image(connection, nonsense)
        with pytest.raises(InputError, match="no stored image"):
            find_image(connection, "0" * 64)


def test_an_ambiguous_name_lists_its_matches(shop: Shop) -> None:
    ids = ["abcd" + digit * 60 for digit in "12"]
    shop.draw(ids)
    with (
        shop.store.reading() as connection,
        pytest.raises(InputError, match=r"fits several images: abcd1+, abcd2+"),
    ):
        find_image(connection, "abcd")
