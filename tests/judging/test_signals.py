import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.measurement import Signals, measure
from catalog_gen.judging.picture import Asked
from catalog_gen.judging.signals.colour import ciede2000, known_colour, srgb_to_lab
from catalog_gen.judging.signals.duplicates import (
    Likenesses,
    TwinSearch,
    as_bits,
    hamming,
    perceptual_hash,
)
from catalog_gen.judging.signals.exposure import luma_of
from catalog_gen.judging.signals.identity import embedding_distance
from catalog_gen.judging.signals.morphology import filled, grown, shrunk
from catalog_gen.judging.signals.noise import fullest
from tests.judging.drawn import BLUE, product

#: L, a, b of two colours and their difference, from the table in Sharma, Wu and Dalal (2005).
SHARMA = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, 3.1571, -77.2803), (50.0, 0.0, -82.7485), 2.8615),
    ((50.0, 2.8361, -74.0200), (50.0, 0.0, -82.7485), 3.4412),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0009), 7.1792),
    ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0011), 7.2195),
    ((50.0, -0.0010, 2.4900), (50.0, 0.0009, -2.4900), 4.8045),
    ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((50.0, 2.5, 0.0), (61.0, -5.0, 29.0), 22.8977),
    ((50.0, 2.5, 0.0), (56.0, -27.0, -3.0), 31.9030),
    ((50.0, 2.5, 0.0), (58.0, 24.0, 15.0), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("one", "other", "difference"), SHARMA)
def test_ciede2000_agrees_with_the_published_pairs(
    one: tuple[float, ...], other: tuple[float, ...], difference: float
) -> None:
    first, second = np.array(one), np.array(other)
    assert float(ciede2000(first, second)) == pytest.approx(difference, abs=5e-5)
    assert float(ciede2000(second, first)) == pytest.approx(difference, abs=5e-5)


def test_lab_of_known_srgb_colours() -> None:
    lab = srgb_to_lab(
        np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [119, 119, 119]], np.uint8)
    )
    np.testing.assert_allclose(lab[0], (100, 0, 0), atol=0.02)
    np.testing.assert_allclose(lab[1], (0, 0, 0), atol=0.02)
    np.testing.assert_allclose(lab[2], (53.24, 80.09, 67.20), atol=0.05)
    np.testing.assert_allclose(lab[3], (50.03, 0, 0), atol=0.05)


@pytest.mark.parametrize(
    ("words", "colour"),
    [
        ("Red", "red"),
        ("sky blue", "blue"),
        ("Navy Blue", "navy"),
        ("rose red", "red"),
        ("GRAY", "grey"),
        ("black/white", None),
        ("cream/teal", None),
        ("Navy and White", None),
        ("red, matt", "red"),
        ("multicoloured", None),
        ("", None),
    ],
)
def test_shop_words_for_colours(words: str, colour: str | None) -> None:
    assert known_colour(words) == colour


@pytest.fixture(scope="module")
def good() -> Signals:
    return measure(product(), asked=Asked("red"))


def test_a_good_picture_measures_as_it_was_drawn(good: Signals) -> None:
    assert good["fill"] == pytest.approx(0.8, abs=0.03)
    assert good["off_centre"] < 0.03
    assert good["edge_contact"] == 0
    assert (good["parts"], good["extra_parts"]) == (1, 0)
    assert good["near_white"] == good["pure_white"] == 1
    assert good["colour_word"] == "red"
    assert good["colour_delta"] is not None
    assert good["colour_delta"] < 10
    assert good["colour_share"] is not None
    assert good["colour_share"] > 0.8
    assert good["edge_width"] is not None
    assert good["edge_width"] < 3


def test_shifted_to_the_edge(good: Signals) -> None:
    shifted = measure(product(middle=(0.1, 0.5)), asked=Asked("red"))
    assert shifted["off_centre"] > good["off_centre"] + 0.3
    assert shifted["edge_contact"] > 0.05


def test_cut_off_at_the_bottom() -> None:
    assert measure(product(middle=(0.5, 0.75)), asked=Asked("red"))["edge_contact"] > 0.03


def test_off_white_background(good: Signals) -> None:
    off = measure(product(background=(243, 243, 240)), asked=Asked("red"))
    assert off["near_white"] == off["pure_white"] == 0
    assert off["fill"] == pytest.approx(good["fill"], abs=0.02)
    almost = measure(product(background=(252, 252, 252)), asked=Asked("red"))
    assert (almost["near_white"], almost["pure_white"]) == (1, 0)


def test_uneven_background(good: Signals) -> None:
    pixels = product().astype(float)
    pixels *= np.linspace(0.75, 1, 128)[None, :, None]
    uneven = measure(pixels.astype(np.uint8), asked=Asked("red"))
    assert uneven["unevenness"] > good["unevenness"] + 3
    assert uneven["fill"] == pytest.approx(good["fill"], abs=0.03)


def test_blur_widens_edges_step_by_step() -> None:
    widths = []
    for sigma in (0.0, 1.0, 2.0, 3.0):
        blurred = ndimage.gaussian_filter(product().astype(float), (sigma, sigma, 0))
        width = measure(blurred.astype(np.uint8), asked=Asked("red"))["edge_width"]
        assert width is not None
        widths.append(width)
    assert widths == sorted(widths)
    assert widths[2] > widths[0] + 2


def test_a_pale_product_is_as_sharp_as_a_dark_one(good: Signals) -> None:
    pale = measure(product((235, 190, 200)), asked=Asked("pink"))
    assert pale["edge_width"] == pytest.approx(good["edge_width"], abs=1)


def test_noise_is_estimated_in_levels(good: Signals) -> None:
    chance = np.random.default_rng(3)
    noisy = product() + chance.normal(0, 8, (128, 128, 1))
    measured = measure(np.clip(noisy, 0, 255).astype(np.uint8), asked=Asked("red"))
    assert good["noise"] is not None
    assert good["noise"] < 2
    assert measured["noise"] is not None
    assert 5 < measured["noise"] < 11


@pytest.mark.parametrize("side", [640, 1024])
def test_noise_of_a_large_picture_is_measured_where_it_shows(side: int) -> None:
    clean = product(side=side)
    noise = np.random.default_rng(3).normal(0, 8, (side, side, 1))
    noisy = np.clip(clean + noise, 0, 255).astype(np.uint8)
    assert measure(clean, asked=Asked("red"))["grain"] < 1
    measured = measure(noisy, asked=Asked("red"))
    assert measured["grain"] == pytest.approx(8, rel=0.1)
    assert measured["noise"] < 0.6 * measured["grain"]


def test_grain_of_a_small_picture_is_its_noise(good: Signals) -> None:
    assert good["grain"] is None
    assert good["noise"] is not None


def test_the_window_for_grain_lies_on_the_subject() -> None:
    picture = np.random.default_rng(0).normal(250, 20, (700, 2100, 3)).clip(0, 255).astype(np.uint8)
    picture[100:600, 1500:2000] = product((60, 60, 60), size=1, side=500)
    measured = measure(picture, asked=Asked("black"))
    assert measured["grain"] < 2
    mask = np.zeros((40, 120), bool)
    mask[5:30, 90:110] = True
    top, left = fullest(mask, 26, 26)
    assert top <= 5 <= 30 <= top + 26
    assert left <= 90 <= 110 <= left + 26


def test_banding_leaves_levels_unused(good: Signals) -> None:
    banded = measure((product() // 32 * 32).astype(np.uint8), asked=Asked("red"))
    assert banded["level_use"] is not None
    assert good["level_use"] is not None
    assert banded["level_use"] < 0.3 < good["level_use"]


def test_tiny_subject(good: Signals) -> None:
    tiny = measure(product(size=0.25), asked=Asked("red"))
    assert tiny["fill"] < 0.3
    assert tiny["area"] < good["area"] / 4


def test_two_for_one() -> None:
    picture = product(count=2)
    assert measure(picture, asked=Asked("red", count=1))["extra_parts"] == 1
    assert measure(picture, asked=Asked("red", count=2))["extra_parts"] == 0


def test_wrong_colour(good: Signals) -> None:
    wrong = measure(product(BLUE), asked=Asked("red"))
    assert wrong["colour_word"] == "blue"
    assert wrong["colour_delta"] is not None
    assert wrong["colour_delta"] > 25
    assert wrong["colour_share"] == 0
    assert wrong["colour_rival"] is not None
    assert wrong["colour_rival"] > 0.8


def test_an_unknown_colour_word_is_not_measured() -> None:
    signals = measure(product(), asked=Asked("multicoloured"))
    assert signals["colour_delta"] is None
    assert signals["colour_word"] == "red"


def test_black_and_flat_pictures_have_no_subject() -> None:
    black = measure(np.zeros((128, 128, 3), np.uint8), asked=Asked("red"))
    flat = measure(np.full((128, 128, 3), 180, np.uint8), asked=Asked("red"))
    assert black["brightest"] == 0
    assert flat["contrast"] == 0
    for signals in (black, flat):
        assert (signals["area"], signals["parts"]) == (0, 0)
        assert signals["edge_width"] is None


def test_size_hardly_matters(good: Signals) -> None:
    large = measure(product(side=400), asked=Asked("red"))
    assert large["fill"] == pytest.approx(good["fill"], abs=0.02)
    assert large["colour_delta"] == pytest.approx(good["colour_delta"], abs=3)


def test_a_photo_studio_backdrop_with_a_horizon() -> None:
    picture = product(background=(205, 205, 205))
    table = (picture == 205).all(axis=2)
    table[:70] = False
    picture[table] = (170, 120, 80)
    signals = measure(picture, asked=Asked("red"))
    assert signals["fill"] == pytest.approx(0.8, abs=0.05)
    assert signals["edge_contact"] == 0


def test_identity_with_the_reference() -> None:
    reference = product()
    same = measure(reference, asked=Asked("red"), reference=reference)
    moved = measure(product(size=0.55), asked=Asked("red"), reference=reference)
    dyed = measure(product(BLUE), asked=Asked("red"), reference=reference)
    assert same["identity_overlap"] == 1
    assert same["identity_colour"] == pytest.approx(0, abs=0.01)
    assert moved["identity_overlap"] is not None
    assert moved["identity_overlap"] < 0.6
    assert dyed["identity_colour"] is not None
    assert dyed["identity_colour"] > 20
    vector = np.array([0.6, 0.8], np.float32)
    assert embedding_distance(vector, vector) == pytest.approx(0, abs=1e-6)
    assert embedding_distance(vector, -vector) == pytest.approx(2, abs=1e-6)


def test_near_duplicates_are_near_and_others_far() -> None:
    def of(picture: Pixels) -> str:
        return perceptual_hash(luma_of(picture))

    own = of(product())
    resaved = np.array(Image.fromarray(product()).resize((96, 96)))
    chance = np.random.default_rng(0)
    other = chance.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    assert len(own) == 16
    assert hamming(own, of(resaved)) <= 2
    assert hamming(own, of(other)) > 12


@pytest.mark.parametrize("portion", [1, 2, 3, 5])
def test_a_twin_is_another_products_picture_that_was_asked_for_otherwise(portion: int) -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 0, 1, 0, 2]]
    pictures = Likenesses(
        products=np.array([0, 0, 1, 2, 3]),
        wishes=np.array([0, 1, 2, 0, 3]),
        hashes=as_bits(["00", "00", "0f", "00", "ff"]),
        embeddings=vectors,
    )
    search = TwinSearch(pictures)
    assert search.twins() == [None] * 5  # none was compared yet
    for start in range(0, 5, portion):
        few = slice(start, start + portion)
        search.compare(
            Likenesses(
                pictures.products[few], pictures.wishes[few], pictures.hashes[few], vectors[few]
            )
        )
    first, second, third, _, last = search.twins()
    assert first is not None
    assert (first.bits, first.distance) == (4, 1)  # not its own product's, not the same wish's
    assert second is not None
    assert (second.bits, second.distance) == (0, 0)  # another product with the same picture
    assert third is not None
    assert third.bits == 4
    assert last is not None
    assert last.bits == 4
    alone = Likenesses(np.array([0]), np.array([0]), as_bits(["00"]), vectors[:1])
    search = TwinSearch(alone)
    search.compare(alone)
    assert search.twins() == [None]


@given(st.integers(3, 24), st.integers(3, 24), st.floats(0.2, 0.8), st.integers(0, 2**32))
def test_morphology_agrees_with_scipy(height: int, width: int, share: float, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    np.testing.assert_array_equal(grown(mask, 2), ndimage.binary_dilation(mask, iterations=2))
    np.testing.assert_array_equal(shrunk(mask, 2), ndimage.binary_erosion(mask, iterations=2))
    np.testing.assert_array_equal(filled(mask), ndimage.binary_fill_holes(mask))


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_hamming_is_a_distance(one: int, other: int) -> None:
    a, b = f"{one:016x}", f"{other:016x}"
    assert hamming(a, b) == hamming(b, a)
    assert (hamming(a, b) == 0) == (a == b)


def test_signals_survive_their_json() -> None:
    for picture in (product(), np.zeros((64, 64, 3), np.uint8)):
        signals = measure(picture, asked=Asked("red"), reference=picture)
        assert Signals.from_json(signals.to_json()) == signals


def test_the_same_pixels_measure_the_same() -> None:
    assert measure(product(), asked=Asked("red")) == measure(product(), asked=Asked("red"))


@pytest.mark.parametrize(
    "pixels", [np.zeros((8, 8, 3), np.uint8), np.zeros((32, 32), np.uint8), np.zeros((32, 32, 3))]
)
def test_a_file_that_is_no_picture_is_refused(pixels: Pixels) -> None:
    with pytest.raises(ValueError, match="picture"):
        measure(pixels, asked=Asked("red"))
