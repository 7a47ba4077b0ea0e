"""Templates are strict about names, never execute product text, and are bounded."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog_gen.errors import ConfigError
from catalog_gen.prompting.templates import MAX_LENGTH, compile_template

KNOWN = ("product_id", "title", "category", "colour", "material", "price")


def test_fields_are_exactly_those_that_the_template_reads() -> None:
    template = compile_template(
        "{% set name = title %}{{ name }}{% if colour %}, {{ colour }}{% endif %}", KNOWN
    )
    assert template.fields == {"title", "colour"}
    fields = {"title": "Mug", "colour": "red", "price": "14.90"}
    assert template.render(fields) == template.render({**fields, "price": "9.90"}) == "Mug, red"


def test_unknown_field_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"(?s)reads 'color'.*Did you mean 'colour'\?"):
        compile_template("{{ color }}", KNOWN)


def test_no_global_function_is_a_name() -> None:
    with pytest.raises(ConfigError, match="may not use a call"):
        compile_template("{% for i in range(9) %}x{% endfor %}", KNOWN)
    with pytest.raises(ConfigError, match="reads 'range'"):
        compile_template("{{ range }}", KNOWN)


@pytest.mark.parametrize("broken", ["a\n{{ title", "a\n{{ title | no_such_filter }}"])
def test_syntax_error_names_its_line(broken: str) -> None:
    with pytest.raises(ConfigError, match="line 2"):
        compile_template(broken, KNOWN)


@pytest.mark.parametrize(
    "escape",
    [
        "{{ title.__class__.__mro__ }}",
        "{{ title.upper() }}",
        "{{ title['ljust'](50) }}",
        "{{ '{0.__class__}'.format(title) }}",
        "{{ title | attr('__class__') }}",
        "{% include title %}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{{ 'x' * 10 ** 9 }}",
        "{{ '%0999999999d' % 1 }}",
        "{{ title | center(10000000000) }}",
        "{{ [title, colour] | random }}",
        "{% if colour %}{{ title | no_such_filter }}{% endif %}",
        "{% if title is no_such_test %}{% endif %}",
    ],
)
def test_templates_that_use_more_than_text_are_refused_before_any_product(escape: str) -> None:
    with pytest.raises(ConfigError, match="line 1: "):
        compile_template(escape, KNOWN)


def test_errors_on_a_product_name_it() -> None:
    template = compile_template("{{ 1 / (title | length - 3) }}", KNOWN)
    with pytest.raises(ConfigError, match="'P-1'"):
        template.render({"product_id": "P-1", "title": "Mug"})


def test_a_field_that_was_left_out_is_an_error_and_not_an_empty_text() -> None:
    with pytest.raises(ConfigError, match="colour"):
        compile_template("{{ colour }}", KNOWN).render({"product_id": "P-1"})


def clauses(text: str) -> list[str]:
    return [each.strip() for each in text.split(",")]


@given(st.text(max_size=60))
@example(",")
@example("red, ,matt,,")
def test_product_text_never_runs(text: str) -> None:
    template = compile_template("{{ title }}|{{ colour }}", KNOWN)
    rendered = template.render({"title": "{{ 7 * 7 }}{% raw %}", "colour": text})
    plain = text.encode("utf-8", "ignore").decode()
    whole = " ".join(f"{{{{ 7 * 7 }}}}{{% raw %}}|{plain}".split())
    assert clauses(rendered) == [each for each in clauses(whole) if each]
    if all(clauses(whole)):
        assert rendered == whole


def test_output_is_bounded_after_a_whole_word() -> None:
    rendered = compile_template("{{ title }}", KNOWN).render({"title": "stoneware " * 9_000})
    assert len(rendered) <= MAX_LENGTH
    assert set(rendered.split()) == {"stoneware"}


def test_source_hash_follows_the_source() -> None:
    one, two = compile_template("{{ title }}", KNOWN), compile_template("{{ title }}.", KNOWN)
    assert one.source_hash == compile_template("{{ title }}", KNOWN).source_hash
    assert one.source_hash != two.source_hash


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (
            "product photo of\n{{ material }} {{ colr }}, white",
            "line 2: reads 'colr', a field that no product has\n"
            "    {{ material }} {{ colr }}, white\n"
            "                      ^^^^",
        ),
        (
            "a\n  {{ title | uper }}",
            "line 2: has no filter 'uper' (did you mean 'upper'?)\n"
            "      {{ title | uper }}\n"
            "      ^^^^^^^^^^^^^^^^^^",
        ),
    ],
)
def test_an_error_names_the_setting_and_marks_the_place(source: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compile_template(source, KNOWN, where="views.packshot.template")
    assert caught.value.value == "views.packshot.template"
    assert caught.value.rule == complaint


def test_a_long_line_is_cut_around_the_place() -> None:
    with pytest.raises(ConfigError) as caught:
        compile_template("x " * 500 + "{{ colr }}" + " y" * 500, KNOWN)
    _, line, marks = caught.value.rule.split("\n")
    assert len(line) <= 80
    assert line[marks.index("^") : marks.rindex("^") + 1] == "colr"


def test_deep_templates_are_refused() -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        compile_template("{{ " + "(" * 3000 + "title" + ")" * 3000 + " }}", KNOWN)


LONG = {"product_id": "P-1", "title": "x" * 20_000, "material": "y" * 20_000}


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{% for a in title %}{% for b in material %}{% endfor %}{% endfor %}", "100,000 rounds"),
        ("{% for a in title %}{{ material }}{% endfor %}", "1,000,000 characters"),
        ("{{ title | join(material) | length }}", "1,000,000 characters"),
        ("{{ title | list | join(material) | length }}", "1,000,000 characters"),
        ("{{ title | replace('x', material) | length }}", "1,000,000 characters"),
        ("{{ material | replace('', material) | length }}", "1,000,000 characters"),
        ("{% set a = title ~ title %}" + "{% set a = a ~ a %}" * 30, "1,000,000 characters"),
        ("{% set a = title + title %}" + "{% set a = a + a %}" * 30, "1,000,000 characters"),
        ("{% set a = title | list %}" + "{% set a = a + a %}" * 30, "1,000,000 characters"),
        ("{% set a = [title] %}" + "{% set a = [a, a] %}" * 30 + "{{ a }}", "list within a list"),
        ("{% set a = [title] %}" + "{% set a = a, a %}" * 30 + "{{ a }}", "list within a list"),
        ("{% set a = {1: title} %}" + "{% set a = {1: a} %}" * 30, "list within a list"),
        (
            "{% set a %}{{ title }}{% endset %}"
            + "{% set a %}{{ a }}{{ a }}{{ a }}{% endset %}" * 30,
            "1,000,000 characters",
        ),
    ],
)
def test_no_template_multiplies_text_into_gigabytes(source: str, why: str) -> None:
    began = time.process_time()
    with pytest.raises(ConfigError, match=f"'P-1'.*{why}"):
        compile_template(source, KNOWN).render(LONG)
    assert time.process_time() - began < 5


def test_operators_filters_and_loops_keep_their_meaning() -> None:
    source = (
        "{% set parts = [colour, material] | select | list %}{{ parts | join(' and ') }}"
        "{% for each in parts + ['new'] %}{{ each ~ '!' }}{% endfor %}"
        "{% if colour in ['red', 'blue'] %}{{ 1 + 2 }}{% endif %}{{ title | replace('u', 'o') }}"
    )
    fields = {"colour": "red", "material": "oak", "title": "Mug"}
    assert compile_template(source, KNOWN).render(fields) == "red and oakred!oak!new!3Mog"
