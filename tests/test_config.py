"""Configuration: what files say together, and what is said when a file is wrong."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkpipe.config import (
    ConfigLoader,
    GivenParams,
    MissingConfigException,
    OmegaConfigLoader,
    TemplatedConfigLoader,
    fit_params,
    merged,
    parse_params,
    to_yaml,
)
from sparkpipe.errors import ConfigError, PreflightError

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file below conf, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "base").mkdir(parents=True)

    def write_file(path: str, text: str) -> Path:
        file = tmp_path / "conf" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return write_file


def parameters(env: str | None = None) -> Any:
    return ConfigLoader("conf", env)["parameters"]


def refused(kind: str = "parameters") -> str:
    with pytest.raises(ConfigError) as error:
        _ = ConfigLoader("conf")[kind]
    return str(error.value)


# What files say together


def test_environment_lies_on_base(write: Write) -> None:
    write("base/parameters.yml", "a: 1\nb: {c: 1, d: 2}\n")
    write("local/parameters.yml", "b: {c: 5}\n")
    write("prod/parameters.yml", "a: 3\n")
    assert parameters() == {"a": 1, "b": {"c": 5}}
    assert parameters("prod") == {"a": 3, "b": {"c": 1, "d": 2}}
    assert parameters("base") == {"a": 1, "b": {"c": 1, "d": 2}}


def test_files_of_one_kind_are_read_together_wherever_they_lie(write: Write) -> None:
    write("base/parameters.yml", "a: 1")
    write("base/parameters_model.yaml", "b: 2")
    write("base/parameters/deep/more.yml", "c: 3")
    write("base/model/parameters.json", '{"d": 4}')
    write("base/catalog.yml", "e: {}")
    write("base/parameters.txt", "f: 6")
    write("base/.parameters.yml", "g: 7")
    write("base/_old/parameters.yml", "h: 8")
    assert parameters() == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_each_kind_has_its_files(write: Write) -> None:
    for kind in ("catalog", "parameters", "credentials", "spark", "logging"):
        write(f"base/{kind}.yml", f"{kind}_key: 1")
    loader = ConfigLoader("conf")
    for kind in ("catalog", "parameters", "credentials", "spark", "logging"):
        assert loader[kind] == {f"{kind}_key": 1}


def test_file_and_line_of_each_key_are_known(write: Write) -> None:
    write("base/parameters.yml", "\n# first\na: 1\nb:\n  c: 2\nd: 3\n")
    write("local/parameters.yml", "\nd: 4\n")
    assert parameters().origins == {
        "a": "conf/base/parameters.yml:3",
        "b": "conf/base/parameters.yml:4",
        "d": "conf/local/parameters.yml:2",
    }


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "null"])
def test_empty_file_says_nothing(write: Write, text: str) -> None:
    write("base/parameters.yml", text)
    write("base/parameters_more.json", "")
    assert parameters() == {}


def test_missing_environment_folders_say_nothing(write: Write) -> None:
    assert parameters() == {}


def test_keys_become_strings(write: Write) -> None:
    write("base/parameters.yml", "1: a\n2026-01-02: b\n")
    assert set(parameters()) == {"1", "2026-01-02"}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("on: a\nno: b\n1: c\n", ["on", "no", "1"]),
        ("true: a\n1: b\n1.0: c\n", ["true", "1", "1.0"]),
        ("007: a\n1e3: b\n~: c\n", ["007", "1e3", "~"]),
    ],
)
def test_names_are_what_is_written(write: Write, text: str, keys: list[str]) -> None:
    path = write("base/parameters.yml", text)
    assert list(parameters()) == keys
    last = len(keys)
    assert parameters().origins[keys[-1]].endswith(f"{path.name}:{last}")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a: {on: 1, yes: 2}", "yes"),
        ("a:\n  1: 1\n  0x1: 2\n", "0x1"),
        ("a: [{1: 1, true: 2}]", "true"),
    ],
)
def test_keys_that_are_one_are_not_lost(write: Write, text: str, key: str) -> None:
    write("base/parameters.yml", text)
    assert f"'{key}' is set twice" in refused()


def test_values_are_what_yaml_says(write: Write) -> None:
    write("base/parameters.yml", 'a: 1\nb: 1.5\nc: "1"\nd: [x, null]\ne: 2026-01-02\nf: true\n')
    assert parameters() == {
        "a": 1,
        "b": 1.5,
        "c": "1",
        "d": ["x", None],
        "e": datetime.date(2026, 1, 2),
        "f": True,
    }


def test_numbers_with_an_exponent_are_numbers(write: Write) -> None:
    write("base/parameters.yml", 'a: 1e-3\nb: 5E2\nc: -.5e+1\nd: "1e3"\ne: 1e3x\nf: e3\n')
    assert parameters() == {"a": 0.001, "b": 500.0, "c": -5.0, "d": "1e3", "e": "1e3x", "f": "e3"}


def test_anchors_and_merge_keys_work(write: Write) -> None:
    write("base/catalog.yml", "_csv: &csv\n  type: x\n  a: 1\no:\n  <<: *csv\n  a: 2\n")
    assert ConfigLoader("conf")["catalog"]["o"] == {"type": "x", "a": 2}


def test_crlf_and_a_byte_order_mark_are_taken(write: Write) -> None:
    write("base/parameters.yml", "\ufeffa: 1\r\nb: é\r\n")
    assert parameters() == {"a": 1, "b": "é"}


# What is refused


def test_key_in_two_files_of_one_environment_names_both(write: Write) -> None:
    write("base/parameters.yml", "x: 1\na: 1\n")
    write("base/parameters_more.yml", "\n\na: 2\n")
    told = refused()
    assert "'a' is set twice" in told
    assert "conf/base/parameters.yml:2" in told
    assert "conf/base/parameters_more.yml:3" in told


@pytest.mark.parametrize(
    ("text", "key", "line", "first"),
    [
        ("a: 1\nb: 2\na: 3\n", "a", 3, 1),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", "b", 4, 2),
        ("a:\n- {b: 1}\n- {c: 1, c: 2}\n", "c", 3, 3),
        ("a: 1\n'a': 2\n", "a", 2, 1),
    ],
)
def test_key_twice_in_one_file_names_both_lines(
    write: Write, text: str, key: str, line: int, first: int
) -> None:
    write("base/parameters.yml", text)
    told = refused()
    assert f"conf/base/parameters.yml:{line}: '{key}' is set twice, first in line {first}" in told


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"b": {"a": 1, "a": 1}}'])
def test_key_twice_in_json_is_refused(write: Write, text: str) -> None:
    write("base/parameters.json", text)
    assert "conf/base/parameters.json: 'a' is set twice" in refused()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [1\nc: 2\n", 3),
        ("a: 1\n\tb: 2\n", 2),
        ("a: b: c\n", 1),
        ("a: 1\nb: *nowhere\n", 2),
        ('a: "\\q"\n', 1),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: 1\n? [1, 2]\n: 3\n", 2),
        ("a: 1\nb: !own x\n", 2),
    ],
)
def test_bad_yaml_is_told_with_file_and_line(write: Write, text: str, line: int) -> None:
    write("base/parameters.yml", text)
    assert f"conf/base/parameters.yml:{line} is not YAML" in refused()


def test_control_characters_are_told_with_the_file(write: Write) -> None:
    write("base/parameters.yml", "a: \x00\n")
    assert "conf/base/parameters.yml is not YAML" in refused()


@pytest.mark.parametrize(
    "value",
    ["2026-13-45", "!!timestamp foo", "!!int foo", "!!float foo", "!!bool foo", "9" * 5000],
)
def test_values_that_python_cannot_make_are_told_with_their_line(write: Write, value: str) -> None:
    write("base/parameters.yml", f"a: 1\nb:\n  c: {value}\n")
    told = refused()
    assert "conf/base/parameters.yml:3 is not YAML" in told
    assert "foo" not in told


@pytest.mark.parametrize("kind", ["catalog", "credentials", "globals", "logging", "spark"])
@pytest.mark.parametrize("name", ["yml", "json"])
def test_what_is_nested_without_end_is_refused_in_every_file(
    write: Write, kind: str, name: str
) -> None:
    for levels in (150, 600, 100_000):
        write(f"base/{kind}.{name}", f'{{"a": {"[" * levels}{"]" * levels}}}')
        told = refused(kind)
        assert f"conf/base/{kind}.{name}" in told
        assert "nested more than 100 levels" in told
    write(f"base/{kind}.yml", "a:\n  " + "- " * 100_000 + "1")
    assert "conf/base/" in refused(kind)


def test_bad_json_is_told_with_file_and_line(write: Write) -> None:
    write("base/parameters.json", '{"a": 1,\n "b" 2}')
    assert "conf/base/parameters.json:2 is not JSON" in refused()


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.mkdir [hacked]",
        "!!python/object/new:os.mkdir [hacked]",
        "!!python/name:os.mkdir",
        "!!python/object:builtins.object {}",
        "!!python/module:os",
    ],
)
def test_tags_that_would_run_code_are_refused(write: Write, tag: str, tmp_path: Path) -> None:
    write("base/parameters.yml", f"a: {tag}\n")
    assert "could not determine a constructor for the tag" in refused()
    assert not (tmp_path / "hacked").exists()
    value = parse_params(f"a:{tag}")["a"]
    assert not (tmp_path / "hacked").exists()
    assert isinstance(value, (str, list))


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("parameters.yml", "- a\n", "list"),
        ("parameters.yml", "just text\n", "str"),
        ("parameters.json", "[1]", "list"),
        ("parameters.json", "3", "int"),
    ],
)
def test_file_that_is_no_mapping_is_refused(write: Write, name: str, text: str, kind: str) -> None:
    write(f"base/{name}", text)
    assert f"conf/base/{name} must be a mapping of names to values; it is a {kind}" in refused()


def test_file_in_another_encoding_is_refused(write: Write) -> None:
    write("base/parameters.yml", "").write_bytes("a: é".encode("latin-1"))
    assert "conf/base/parameters.yml is not a text in UTF-8" in refused()


def test_aliases_do_not_blow_up(write: Write) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    write("base/parameters.yml", "\n".join(lines))
    told = refused()
    assert "conf/base/parameters.yml:" in told
    assert "stands for more than 1,000,000 values" in told


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: &a {b: [{c: *a}]}"])
def test_an_alias_within_itself_is_refused(write: Write, text: str) -> None:
    write("base/parameters.yml", text)
    assert "conf/base/parameters.yml:1 cannot be read: an alias stands within itself" in refused()


def test_merge_keys_do_not_blow_up(write: Write) -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 30)]
    write("base/catalog.yml", "\n".join(lines))
    assert "stands for more than" in refused("catalog")


def test_a_few_aliases_are_as_many_values(write: Write) -> None:
    write("base/parameters.yml", "a: &a [1, 2]\nb: [*a, *a]\nc: {<<: {x: *a}}\n")
    assert parameters() == {"a": [1, 2], "b": [[1, 2], [1, 2]], "c": {"x": [1, 2]}}


def test_unknown_kind_is_told_with_the_nearest(write: Write) -> None:
    assert "Did you mean 'parameters'?" in refused("paramters")


def test_missing_folder_of_configuration_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no configuration folder"):
        ConfigLoader(tmp_path / "nowhere")


# Environments


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "../base",
        "/etc",
        "a/../b",
        "a//b",
        "base/",
        "a b",
        "a\n",
        "~",
        "C:\\x",
        "a\\b",
        "a\0",
        "-x",
        "*",
    ],
)
def test_environment_that_leads_elsewhere_is_refused(write: Write, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be an environment"):
        ConfigLoader("conf", name)
    with pytest.raises(ConfigError, match="cannot be an environment"):
        ConfigLoader("conf", base_env=name)


def test_unknown_environment_is_told_with_the_nearest(write: Write) -> None:
    write("staging/parameters.yml", "")
    with pytest.raises(ConfigError, match=r"no environment 'stagign'.*Did you mean 'staging'\?"):
        ConfigLoader("conf", "stagign")
    with pytest.raises(ConfigError, match=r"Environments: base, staging\."):
        ConfigLoader("conf", "zzz")


def test_the_usual_environment_need_not_be_there_where_it_is_named(write: Write) -> None:
    write("base/parameters.yml", "a: 1\n")
    assert ConfigLoader("conf", "local")["parameters"] == {"a": 1}
    assert OmegaConfigLoader("conf", "dev", default_run_env="dev")["parameters"] == {"a": 1}
    with pytest.raises(ConfigError, match="no environment 'local'"):
        ConfigLoader("conf", "local", default_run_env="dev")


def test_environment_may_be_a_folder_in_a_folder(write: Write) -> None:
    write("prod/eu/parameters.yml", "a: 1")
    assert parameters("prod/eu") == {"a": 1}


# Parameters on the command line


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("a:1", {"a": 1}),
        ("a=1", {"a": 1}),
        ("a.b:1,a.c:2,d:x", {"a": {"b": 1, "c": 2}, "d": "x"}),
        (" a : 1 , b: x y ", {"a": 1, "b": "x y"}),
        ("a:[1,2,{b: 3}],c:4", {"a": [1, 2, {"b": 3}], "c": 4}),
        ("a:{b: 1, c: 2}", {"a": {"b": 1, "c": 2}}),
        ("a:true,b:null,c:1.5,d:1e-3", {"a": True, "b": None, "c": 1.5, "d": 0.001}),
        ("a:'1',b:\"x,y\",c:'q: [r'", {"a": "1", "b": "x,y", "c": "q: [r"}),
        ("a:['x,]',y]", {"a": ["x,]", "y"]}),
        ("a:it's,b:don't", {"a": "it's", "b": "don't"}),
        ("url:s3://bucket/x?y=1", {"url": "s3://bucket/x?y=1"}),
        ("when:2026-01-02", {"when": datetime.date(2026, 1, 2)}),
        ("a:2026-13-45", {"a": "2026-13-45"}),
        ("colour:#ff0000", {"colour": "#ff0000"}),
        ("a:[1", {"a": "[1"}),
        ("a:*x,b:@y,c:%z", {"a": "*x", "b": "@y", "c": "%z"}),
        ("a:", {"a": ""}),
        ("a:1,a:2", {"a": 2}),
        ("", {}),
        (" , ", {}),
    ],
)
def test_parameters_are_read_from_the_command_line(text: str, params: Any) -> None:
    assert parse_params(text) == params


@pytest.mark.parametrize(
    "text", ["a", ":1", "a b:1", "a..b:1", ".a:1", "a.:1", "x:1,oops", "=", "a/b:1"]
)
def test_what_is_no_parameter_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not a parameter.*name:value"):
        parse_params(text)


def test_parameter_that_is_value_and_group_is_refused() -> None:
    with pytest.raises(ConfigError, match="'a' is both a value and a group"):
        parse_params("a:1,a.b:2")


NAMES = st.from_regex(r"[a-z_][a-z0-9_-]{0,5}", fullmatch=True)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


def flat(params: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in params.items():
        if isinstance(value, dict) and value:
            pairs += flat(value, f"{prefix}{name}.")
        else:
            pairs.append((f"{prefix}{name}", value))
    return pairs


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_is_written_as_json_is_read_back(params: dict[str, Any]) -> None:
    text = ",".join(f"{name}:{json.dumps(value)}" for name, value in flat(params))
    assert parse_params(text) == params


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_nested_values_may_be_given_whole(params: dict[str, Any]) -> None:
    text = ",".join(f"{name}:{json.dumps(value)}" for name, value in params.items())
    assert parse_params(text) == params


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ConfigError):
        assert isinstance(parse_params(text), dict)


# Parameters take the types of the files

DAY = datetime.date(2024, 1, 1)
MOMENT = datetime.datetime(2024, 1, 1, 6)
IN_UTC = MOMENT.replace(tzinfo=datetime.timezone.utc)


def fitted(text: str, default: Any) -> Any:
    """Return what a text on the command line becomes where the file has a default."""
    return fit_params(parse_params(f"a:{text}"), {"a": default})["a"]


@pytest.mark.parametrize(
    ("text", "default", "value"),
    [
        ("2024-03-02", DAY, datetime.date(2024, 3, 2)),
        ("'2024-03-02'", DAY, datetime.date(2024, 3, 2)),
        ("2024-03-02", "2024-01-01", "2024-03-02"),
        ("2024-02-30", "2024-01-01", "2024-02-30"),
        ("2024-03-02", None, datetime.date(2024, 3, 2)),
        ("2024-03-02", MOMENT, datetime.datetime(2024, 3, 2)),
        ("2024-03-02 12:00:00", MOMENT, datetime.datetime(2024, 3, 2, 12)),
        (
            "2024-03-02 12:00:00",
            IN_UTC,
            datetime.datetime(2024, 3, 2, 12, tzinfo=datetime.timezone.utc),
        ),
        ("null", DAY, None),
        ("null", "x", None),
        ("1.10", "2.0", "1.10"),
        ("007", "x", "007"),
        ("yes", "no", "yes"),
        ("'null'", "x", "null"),
        ("a: b", "x", "a: b"),
        ("[1, 2]", "x", [1, 2]),
        ("", "x", ""),
        ("[2024-03-02]", [DAY], [datetime.date(2024, 3, 2)]),
        ("[2024-03-02, 1.10]", ["x"], ["2024-03-02", "1.10"]),
        ("{b: 2024-03-02, c: 1}", {"b": "x", "c": 2}, {"b": "2024-03-02", "c": 1}),
        # As with Kedro: what is a number or not is said on the command line.
        ("1", 0.5, 1),
        ("0.5", 1, 0.5),
        ("auto", 1, "auto"),
        ("1", True, 1),
        ("false", True, False),
        ("2024-03-02", 1, datetime.date(2024, 3, 2)),
        ("1", {"b": 1}, 1),
    ],
)
def test_parameter_has_the_type_of_its_default(text: str, default: Any, value: Any) -> None:
    got = fitted(text, default)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("text", "default", "told"),
    [
        ("2024-02-30", DAY, "must be a date: '2024-02-30' is none (day is out of range for month)"),
        ("2024-02-30", DAY, "Write it like 2024-01-01."),
        ("tomorrow", DAY, "must be a date: 'tomorrow' is none."),
        ("2024-3-2", DAY, "must be a date: '2024-3-2' is none."),
        ("20240302", DAY, "must be a date: '20240302' is none."),
        ("2024-03-02 12:00:00", DAY, "is none (it has a time of day)"),
        ("", DAY, "must be a date: '' is none."),
        ("noon", MOMENT, "must be a time: 'noon' is none. Write it like 2024-01-01 06:00:00."),
        ("[x]", [DAY], "'a.0' must be a date: 'x' is none."),
        ("[2024-02-30]", [DAY], "'a' has a date that is none: '[2024-02-30]' (day is out of"),
        ("2024-02-30", None, "'a' has a date that is none: '2024-02-30' (day is out of"),
        ("2024-13-01", 1, "If it is a text, put it in quotes: \"a:'2024-13-01'\""),
    ],
)
def test_parameter_that_is_no_date_is_refused(text: str, default: Any, told: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        fitted(text, default)
    assert told in str(refusal.value)
    assert fitted("'2024-13-01'", 1) == "2024-13-01"


def test_every_parameter_that_is_no_date_is_told_with_its_file() -> None:
    given = parse_params("from.day:x,to:y")
    with pytest.raises(PreflightError) as refusal:
        fit_params(given, {"from": {"day": DAY}, "to": DAY}, {"from": "conf/p.yml:1"})
    first, second = refusal.value.problems
    assert "'from.day' must be a date, as in conf/p.yml:1: 'x' is none" in first
    assert "'to' must be a date: 'y' is none" in second


def test_parameters_of_code_have_the_type_of_their_default() -> None:
    given = {"day": "2024-03-02", "label": datetime.date(2024, 3, 2), "n": 3}
    assert fit_params(given, {"day": DAY, "label": "2024-01-01", "n": "2"}) == {
        "day": datetime.date(2024, 3, 2),
        "label": "2024-03-02",
        "n": 3,  # of code a number is meant as one
    }


DATES = st.dates(datetime.date(1000, 1, 1))
# Without blanks, quotes and what opens a list, a comment or a tag: a word as one gives it.
WORDS = st.from_regex(r"[A-Za-z0-9._/+-][A-Za-z0-9._:/+-]*", fullmatch=True).filter(
    lambda text: text.lower() not in ("null", "~")
)


@given(WORDS | DATES.map(str) | st.integers().map(str) | st.floats().map(str), st.text())
def test_any_word_stays_a_text_where_the_file_has_a_text(word: str, default: str) -> None:
    assert fitted(word, default.replace("$", "")) == word


@given(DATES, DATES)
def test_any_date_is_what_the_file_would_say(day: datetime.date, default: datetime.date) -> None:
    assert fitted(str(day), default) == parse_params(f"a:{day}")["a"] == day
    assert fitted(str(day), str(default)) == str(day)


@given(WORDS, DATES)
def test_any_word_is_a_date_or_refused_where_the_file_has_a_date(
    word: str, default: datetime.date
) -> None:
    with suppress(ConfigError):
        assert type(fitted(word, default)) is datetime.date


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.dictionaries(NAMES, VALUES | DATES))
def test_what_is_no_text_and_no_date_stays_as_yaml_reads_it(
    params: dict[str, Any], defaults: dict[str, Any]
) -> None:
    given = parse_params(",".join(f"{name}:{json.dumps(value)}" for name, value in flat(params)))
    with suppress(ConfigError, PreflightError):
        once = fit_params(given, defaults)
        assert merged(once, {}).keys() == params.keys()
        assert fit_params(once, defaults) == once
        assert fit_params(once, once) == once
        for name, value in params.items():
            if isinstance(value, (bool, int, float)) and not isinstance(
                defaults.get(name), (str, datetime.date)
            ):
                assert once[name] == value


def test_parameters_keep_their_texts_by_names() -> None:
    given = parse_params("a.b:1.10,a.c:007,d:[1.10]")
    assert isinstance(given, GivenParams)
    assert given == {"a": {"b": 1.1, "c": 7}, "d": [1.1]}
    assert given.texts == {"a": {"b": "1.10", "c": "007"}, "d": "[1.10]"}
    both = parse_params("a:{b: 1.10, c: 2.20},a.c:3.30")
    assert fit_params(both, {"a": {"b": "x", "c": "y"}}) == {"a": {"b": "1.10", "c": "3.30"}}


# Merging

TREES = st.recursive(
    st.integers(), lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
MAPPINGS = st.dictionaries(NAMES, TREES, max_size=4)


@given(MAPPINGS, MAPPINGS)
def test_merged_has_the_leaves_above_and_those_below_that_none_hides(
    below: dict[str, Any], above: dict[str, Any]
) -> None:
    result = merged(below, above)
    for key in below.keys() | above.keys():
        if key not in above:
            assert result[key] == below[key]
        elif not (isinstance(above[key], dict) and isinstance(below.get(key), dict)):
            assert result[key] == above[key]
        else:
            assert result[key] == merged(below[key], above[key])
    assert merged(below, {}) == below
    assert merged({}, above) == above


def test_merging_changes_neither() -> None:
    below, above = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merged(below, above) == {"a": {"b": 1, "c": 2}}
    assert (below, above) == ({"a": {"b": 1}}, {"a": {"c": 2}})


# What is serialised is read back

DOCUMENTS = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8).filter(
        lambda key: not key.startswith("_")
    ),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.dates()
        | st.from_regex(r"[-+]?\d{1,3}(\.\d?)?[eE][-+]?\d{1,2}", fullmatch=True)
        | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@given(DOCUMENTS)
def test_what_is_written_as_yaml_is_read_back(values: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "base").mkdir()
        text = to_yaml(values)
        (Path(folder) / "base" / "catalog.yml").write_text(text, encoding="utf-8", newline="")
        assert ConfigLoader(folder)["catalog"] == values


@given(st.dictionaries(NAMES.filter(lambda name: name[0] != "_"), VALUES, max_size=4))
def test_what_is_written_as_a_json_file_is_read_back(values: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "base").mkdir()
        (Path(folder) / "base" / "catalog.json").write_text(json.dumps(values), encoding="utf-8")
        assert ConfigLoader(folder)["catalog"] == values


# What is set, patterns, and names that begin with '_'


def test_what_is_set_is_given_in_place_of_what_files_say(write: Write) -> None:
    write("base/credentials.yml", "db: {password: old}\n")
    loader = ConfigLoader("conf")
    loader["credentials"] = {**loader["credentials"], "vault": {"password": "s3cret"}}
    assert loader["credentials"] == {"db": {"password": "old"}, "vault": {"password": "s3cret"}}
    assert "s3cret" not in repr(loader)


def test_kinds_of_ones_own_have_patterns(write: Write) -> None:
    write("base/mlflow.yml", "a: 1")
    write("base/model/deep/params.yml", "b: 2")
    loader = ConfigLoader(
        "conf", config_patterns={"mlflow": ["mlflow*"], "parameters": ["model/**"]}
    )
    assert loader["mlflow"] == {"a": 1}
    assert loader["parameters"] == {"b": 2}
    loader.config_patterns["late"] = ["mlflow*"]
    assert loader["late"] == {"a": 1}


def test_get_takes_patterns_or_a_kind(write: Write) -> None:
    write("base/spark.yml", "spark.ui.enabled: false")
    loader = OmegaConfigLoader("conf")
    wanted = {"spark.ui.enabled": False}
    assert loader["spark"] == loader.get("spark*", "spark*/**") == loader.get("spark") == wanted


@pytest.mark.parametrize("pattern", ["../*", "/etc/*", "a/../../b", "\0"])
def test_pattern_that_leads_elsewhere_is_refused(write: Write, pattern: str) -> None:
    with pytest.raises(ConfigError, match="leads out of its environment"):
        ConfigLoader("conf", config_patterns={"x": [pattern]})
    with pytest.raises(ConfigError, match="leads out of its environment"):
        ConfigLoader("conf").get(pattern)


@pytest.mark.parametrize("patterns", ["mlflow*", [1], [""]])
def test_patterns_that_are_no_list_are_refused(write: Write, patterns: Any) -> None:
    with pytest.raises(ConfigError, match="must be a list of texts"):
        ConfigLoader("conf", config_patterns={"x": patterns})


def test_names_with_an_underscore_are_for_use_within_files(write: Write) -> None:
    write("base/catalog.yml", "_csv: &csv {type: x}\na: *csv\n")
    write("base/catalog_more.yml", "_csv: &csv {type: y}\nb: *csv\n")
    write("base/parameters.yml", "_kept: 1\n")
    loader = ConfigLoader("conf")
    assert loader["catalog"] == {"a": {"type": "x"}, "b": {"type": "y"}}
    assert loader["parameters"] == {"_kept": 1}


def test_missing_configuration_has_the_kind_of_error_of_kedro(write: Write) -> None:
    with pytest.raises(MissingConfigException):
        ConfigLoader("conf", "nowhere")
    with pytest.raises(KeyError):
        _ = ConfigLoader("conf")["nothing"]


# Interpolation


def omega(kind: str = "parameters", **arguments: Any) -> Any:
    return OmegaConfigLoader("conf", **arguments)[kind]


def omega_refused(kind: str = "parameters", **arguments: Any) -> str:
    with pytest.raises(ConfigError) as error:
        omega(kind, **arguments)
    return str(error.value)


def test_values_refer_to_others_of_their_environment(write: Write) -> None:
    write("base/parameters.yml", "a: {b: 1, c: '${a.b}'}\nd: '${e}'\nf: 'x${a.b}y'\n")
    write("base/parameters_e.yml", "e: [1, {g: 2026-01-02}]\nh: '${e[1].g}'\ni: '${.a.b}'\n")
    assert omega() == {
        "a": {"b": 1, "c": 1},
        "d": [1, {"g": datetime.date(2026, 1, 2)}],
        "f": "x1y",
        "e": [1, {"g": datetime.date(2026, 1, 2)}],
        "h": datetime.date(2026, 1, 2),
        "i": 1,
    }


def test_escaped_text_stays_text(write: Write) -> None:
    write("base/parameters.yml", "a: '\\${HOME}'\nb: '$HOME'\nc: '{x}'\n")
    assert omega() == {"a": "${HOME}", "b": "$HOME", "c": "{x}"}


def test_without_interpolation_the_text_stays(write: Write) -> None:
    write("base/parameters.yml", "a: '${b}'\n")
    assert ConfigLoader("conf")["parameters"] == {"a": "${b}"}


def test_globals_are_those_of_the_environment_on_top(write: Write) -> None:
    write("base/globals.yml", "bucket: s3://dev\nfolders: {raw: '${bucket}/01'}\nn: 5\n")
    write("prod/globals.yml", "bucket: s3://prod\n")
    write("base/catalog.yml", "a: {filepath: '${globals:folders.raw}/${globals:bucket}'}\n")
    write("base/parameters.yml", "n: '${globals:n}'\nm: '${globals:nothing,7}'\n")
    assert omega("catalog") == {"a": {"filepath": "s3://dev/01/s3://dev"}}
    assert omega("catalog", env="prod") == {"a": {"filepath": "s3://dev/01/s3://prod"}}
    assert omega() == {"n": 5, "m": 7}


def test_parameters_of_the_run_are_put_in_and_on_top(write: Write) -> None:
    write("base/parameters.yml", "m: {a: 1, b: 2}\nc: '${m.a}'\nd: '${runtime_params:x.y,0}'\n")
    write("local/parameters.yml", "e: '${runtime_params:m.a,9}'\n")
    assert omega() == {"m": {"a": 1, "b": 2}, "c": 1, "d": 0, "e": 9}
    given = {"m": {"a": 5}, "x": {"y": 3}}
    assert omega(runtime_params=given) == {
        **given,
        "m": {"a": 5, "b": 2},
        "c": 5,
        "d": 3,
        "e": 5,
    }


@pytest.mark.parametrize(
    "entry",
    [
        "a: {type: '${runtime_params:t}'}",
        "a: {type: 'x.${_t}'}\n_t: '${runtime_params:t}'",
        "a: '${runtime_params:entry}'",
        "a: {dataset: {type: '${_all.t}'}}\n_all: {t: '${runtime_params:t}'}",
        "a: '${oc.decode:${runtime_params:text}}'",
    ],
)
def test_a_type_never_comes_from_the_parameters_of_the_run(write: Write, entry: str) -> None:
    write("base/catalog.yml", entry)
    given = {"t": "os.system", "entry": {"type": "os.system"}, "text": "{type: os.system}"}
    assert "depends on the parameter" in omega_refused("catalog", runtime_params=given)


def test_other_options_may_come_from_the_parameters_of_the_run(write: Write) -> None:
    write("base/catalog.yml", "a: {type: x.Y, filepath: 'data/${runtime_params:day}.csv'}")
    assert omega("catalog", runtime_params={"day": "mon"})["a"]["filepath"] == "data/mon.csv"


def test_the_default_of_a_parameter_is_written_once(write: Write) -> None:
    write("base/globals.yml", "year: 2024\n")
    write(
        "base/parameters.yml",
        "day: 2024-01-01\nlabel: '2024-01-01'\nm: {year: '${globals:year}'}\n"
        "folder: 'data/${runtime_params:day}'\n",
    )
    write("prod/parameters.yml", "day: 2025-01-01\n")
    write(
        "base/catalog.yml",
        "a: {filepath: 'data/${runtime_params:day}', day: '${runtime_params:day}', "
        "label: '${runtime_params:label}', year: '${runtime_params:m.year}', "
        "own: '${runtime_params:day,none}'}\n",
    )
    entry = omega("catalog")["a"]
    assert entry == {
        "filepath": "data/2024-01-01",
        "day": datetime.date(2024, 1, 1),
        "label": "2024-01-01",
        "year": 2024,
        "own": "none",
    }
    assert omega()["folder"] == "data/2024-01-01"
    # Also base refers to what the run has, and not to what base alone would say.
    assert omega("catalog", env="prod")["a"]["filepath"] == "data/2025-01-01"
    assert omega(env="prod")["folder"] == "data/2025-01-01"
    day = {"day": datetime.date(2024, 3, 2)}
    assert omega("catalog", runtime_params=day)["a"]["filepath"] == "data/2024-03-02"
    assert omega(runtime_params=day)["folder"] == "data/2024-03-02"


def test_a_default_that_cannot_be_had_is_told_with_its_file(write: Write) -> None:
    write("base/catalog.yml", "a: {filepath: 'data/${runtime_params:day}'}\n")
    told = omega_refused("catalog")
    assert "the parameter 'day' of the run, which is not given. Give --params day:" in told
    write("base/parameters.yml", "day: '${globals:nothing}'\n")
    told = omega_refused("catalog")
    assert "conf/base/catalog.yml:1: 'a.filepath' asks for the parameter 'day', which" in told
    assert "conf/base/parameters.yml:1: 'day' asks for the global 'nothing'" in told
    write("base/parameters.yml", "day: '${runtime_params:day}'\n")
    assert "conf/base/parameters.yml:1: 'day' asks for the parameter 'day'" in omega_refused()
    write("base/parameters.yml", "t: json.JSONDataSet\n")
    write("base/catalog.yml", "a: {type: '${runtime_params:t}'}\n")
    assert "depends on the parameter 't' of the run" in omega_refused("catalog")


def test_environment_variables_are_for_credentials(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret")
    monkeypatch.delenv("SHOP_USER", raising=False)
    text = "db: {password: '${oc.env:SHOP_PASSWORD}', user: '${oc.env:SHOP_USER,me}'}\n"
    write("base/credentials.yml", text)
    assert omega("credentials") == {"db": {"password": "s3cret", "user": "me"}}
    for kind in ("parameters", "catalog", "globals"):
        write(f"base/{kind}.yml", f"{text}_name: 'oc.env'\nx: '${{${{_name}}:SHOP_PASSWORD}}'\n")
        told = omega_refused(kind)
        assert f"conf/base/{kind}.yml:1: 'db.password'" in told
        assert "'SHOP_PASSWORD', which only credentials may" in told
        write(f"base/{kind}.yml", "")
    write("base/parameters.yml", "_name: 'oc.env'\nx: '${${_name}:SHOP_PASSWORD}'\n")
    assert "only credentials may" in omega_refused()
    write("base/credentials.yml", "db: '${oc.env:SHOP_USER}'\n")
    assert "'SHOP_USER', which is not set" in omega_refused("credentials")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x: 1\na: {b: '${nothing}'}", "parameters.yml:2: 'a.b' cannot be resolved"),
        ("a: '${globals:buckt}'", "'a' asks for the global 'buckt', which is not set"),
        ("a: '${globals:buckt}'", "Did you mean 'bucket'?"),
        ("a: '${globals:_x}'", "begins with '_'"),
        ("a: '${runtime_params:x}'", "the parameter 'x' of the run, which is not given"),
        ("a: '${unheard_of:x}'", "cannot be resolved"),
        ("a: '${x'", "cannot be resolved"),
        ("a: '${b}'\nb: '${a}'", "parameters.yml:1"),
    ],
)
def test_what_cannot_be_resolved_is_told_with_its_place(write: Write, text: str, told: str) -> None:
    write("base/globals.yml", "bucket: x\n_x: 1\n")
    write("base/parameters.yml", text)
    assert told in omega_refused()


@given(
    st.dictionaries(st.sampled_from("abc"), VALUES, min_size=3),
    st.lists(
        st.sampled_from(
            ["${globals:a}", "${globals:b}", "${globals:c,x}", "${globals:d,5}", "-", "$", " x"]
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_what_is_resolved_once_is_what_omegaconf_says(
    known: dict[str, Any], parts: list[str]
) -> None:
    text = "".join(parts)
    with TemporaryDirectory() as folder:
        (Path(folder) / "base").mkdir()
        # With a reference in one key OmegaConf resolves the whole of it.
        (Path(folder) / "base" / "catalog.json").write_text(
            json.dumps({"quick": {"x": text}, "whole": {"x": text, "y": "${whole.z}", "z": 1}})
        )
        loader = OmegaConfigLoader(folder)
        loader["globals"] = known
        try:
            found = loader["catalog"]
        except ConfigError:
            return
        assert found["quick"]["x"] == found["whole"]["x"]
        assert type(found["quick"]["x"]) is type(found["whole"]["x"])


def test_globals_do_not_depend_on_the_run(write: Write) -> None:
    write("base/globals.yml", "a: '${runtime_params:x,1}'\n")
    assert "not allowed here" in omega_refused("globals", runtime_params={"x": 1})


def test_resolvers_of_ones_own(write: Write) -> None:
    write("base/parameters.yml", "a: '${own_sum_1:1,2}'\nb: '${own_today_1:}'\n")
    resolvers = {"own_sum_1": lambda *xs: sum(xs), "own_today_1": lambda: datetime.date(2026, 1, 2)}
    assert omega(custom_resolvers=resolvers) == {"a": 3, "b": datetime.date(2026, 1, 2)}
    # Another loader in the same process has none, or others.
    assert "none of the custom_resolvers" in omega_refused()
    assert omega(custom_resolvers={**resolvers, "own_sum_1": max})["a"] == 2


@pytest.mark.parametrize(
    ("resolvers", "told"),
    [({"x": 3}, "must be a function"), ({"globals": max}, "is a resolver of")],
)
def test_resolvers_that_cannot_be_are_refused(write: Write, resolvers: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        OmegaConfigLoader("conf", custom_resolvers=resolvers)


def test_project_may_allow_environment_variables_everywhere(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omegaconf.resolvers import oc

    monkeypatch.setenv("SHOP_DAY", "monday")
    write("base/parameters.yml", "day: '${oc.env:SHOP_DAY}'")
    assert omega(custom_resolvers={"oc.env": oc.env}) == {"day": "monday"}
    assert "only credentials may" in omega_refused()


def test_omegaconf_of_others_is_left_as_it_is(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omegaconf import OmegaConf

    write("base/parameters.yml", "a: '${b}'\nb: 1\n")
    omega()
    monkeypatch.setenv("SHOP_DAY", "monday")
    mine = OmegaConf.create({"x": "${oc.env:SHOP_DAY}", "y": "${oc.env:SHOP_NIGHT,null}"})
    assert (mine.x, mine.y) == ("monday", None)


def test_loaders_in_threads_have_their_own_globals(tmp_path: Path) -> None:
    def load(number: int) -> set[Any]:
        conf = tmp_path / f"conf{number}"
        (conf / "base").mkdir(parents=True)
        (conf / "base" / "globals.yml").write_text(f"n: {number}")
        (conf / "base" / "catalog.yml").write_text("a: {x: '${globals:n}'}")
        return {OmegaConfigLoader(conf)["catalog"]["a"]["x"] for _ in range(20)}

    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(load, range(4))) == [{n} for n in range(4)]


def test_merge_strategy(write: Write) -> None:
    write("base/parameters.yml", "a: {b: 1, c: 2}\n")
    write("local/parameters.yml", "a: {b: 3}\n")
    assert omega() == {"a": {"b": 3}}
    assert omega(merge_strategy={"parameters": "soft"}) == {"a": {"b": 3, "c": 2}}
    with pytest.raises(ConfigError, match=r"'sofd'.*Did you mean 'soft'\?"):
        omega(merge_strategy={"parameters": "sofd"})


@pytest.mark.slow
def test_omegaconf_is_loaded_only_where_a_file_uses_it(write: Write, tmp_path: Path) -> None:
    write("base/parameters.yml", "a: $x {y}\n")
    code = (
        "import sys; from sparkpipe.config import OmegaConfigLoader as L; "
        "L('conf')['parameters']; print('omegaconf' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
    write("base/parameters.yml", "a: ${b}\nb: 1\n")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("True\n", "")


# Templates


def test_templates_are_filled_from_globals(write: Write) -> None:
    write("base/my_globals.yml", "bucket: b\nfolders: {raw: 01, n: 5}\ntypes: {csv: pandas.C}\n")
    write("local/my_globals.yml", "bucket: c\n")
    write(
        "base/catalog.yml",
        "'${bucket}_x':\n  type: '${types.csv}'\n  path: 's3://${bucket}/${folders.raw}'\n"
        "  n: '${folders.n}'\n  d: '${nothing|a b}'\n  l: ['${extra}']\n",
    )
    loader = TemplatedConfigLoader(
        "conf", globals_pattern="*globals.yml", globals_dict={"extra": [1]}
    )
    assert loader["catalog"] == {
        "c_x": {"type": "pandas.C", "path": "s3://c/1", "n": 5, "d": "a b", "l": [[1]]}
    }


def test_template_without_a_value_is_told(write: Write) -> None:
    write("base/catalog.yml", "a:\n  b: 'x${buckt}'\n")
    with pytest.raises(ConfigError, match=r"catalog.yml:1: '\$\{buckt\}'.*Did you mean 'bucket'"):
        _ = TemplatedConfigLoader("conf", globals_dict={"bucket": 1})["catalog"]


def test_template_of_a_global_that_is_null_takes_the_default_or_is_told(write: Write) -> None:
    write("base/my_globals.yml", "bucket: null\nsome: {value: null}\n")
    write("base/catalog.yml", "a:\n  b: 'x${bucket|y}'\n")
    loader = TemplatedConfigLoader("conf", globals_pattern="*globals.yml")
    assert loader["catalog"] == {"a": {"b": "xy"}}
    write("base/catalog.yml", "a:\n  b: 'x${some.value}'\n")
    with pytest.raises(ConfigError, match=r"a global that has no value \(null\)\. Set it"):
        _ = TemplatedConfigLoader("conf", globals_pattern="*globals.yml")["catalog"]


# What is secret


PASSWORDS = [
    "!hunter2",
    "!!int hunter2",
    "*hunter2",
    "hunter2: x",
    "[hunter2",
    "'hunter2",
    "%hunter2",
    "@hunter2",
    "!hun!ter2",
    '"hunter2\\q"',
    "!!timestamp hunter2",
    "pa${hunter2}x",
    "${hunter2",
    "${hunter2:1}",
    "${oc.select:hunter2,${hunter2",
]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("place", ["db:\n  password: {}\n", "db: {{user: me, password: {}}}\n"])
def test_no_text_of_credentials_is_shown(write: Write, password: str, place: str) -> None:
    write("base/credentials.yml", place.format(password))
    with pytest.raises(ConfigError, match=r"conf/base/credentials\.yml:\d") as error:
        _ = OmegaConfigLoader("conf")["credentials"]
    told = "".join(traceback.format_exception(error.value))
    assert "hunter2" not in told.replace(__file__, "")
    assert "ter2" not in str(error.value)


@pytest.mark.parametrize("password", PASSWORDS)
def test_no_text_of_a_secret_is_shown_in_any_file(write: Write, password: str) -> None:
    write("base/catalog.yml", f"a:\n  load_args:\n    password: {password}\n")
    with pytest.raises(ConfigError) as error:
        _ = OmegaConfigLoader("conf")["catalog"]
    assert "ter2" not in str(error.value)


def test_templates_in_credentials_are_not_shown(write: Write) -> None:
    write("base/credentials.yml", "db:\n  password: pa${hunter2}x\n")
    with pytest.raises(ConfigError, match="a global that is not set") as error:
        _ = TemplatedConfigLoader("conf", globals_dict={"hunter": 1})["credentials"]
    assert "hunter" not in str(error.value)


@pytest.mark.parametrize("default", [{}, {"db": {"password": datetime.date(2026, 1, 1)}}])
def test_a_parameter_that_is_no_date_is_not_shown_where_it_is_secret(
    default: dict[str, Any],
) -> None:
    with pytest.raises(ConfigError, match="password") as error:
        fit_params(parse_params("db.password:2026-13-45"), default)
    assert "2026-13" not in str(error.value)


@pytest.mark.parametrize("text", ["password hunter2", "db password:hunter2", "a:1,:hunter2"])
def test_what_is_no_parameter_is_not_shown_where_it_may_be_secret(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a parameter") as error:
        parse_params(text)
    assert "hunter2" not in str(error.value)


# Keys that are no texts


WEIGHTS = "weights: {0: 1.0, 1: 5.0, 2024-01-01: 7, null: 9}\nis: {true: 8}\n"


def test_parameters_of_the_run_take_the_place_of_keys_that_are_no_texts(write: Write) -> None:
    write("base/parameters.yml", WEIGHTS)
    loader = OmegaConfigLoader("conf")
    text = "weights.1:99,weights.2024-01-01:98,is.true:97,weights.null:96,weights.new:95"
    loader.runtime_params = fit_params(parse_params(text), loader.file_params())
    assert loader["parameters"]["weights"] == {
        0: 1.0,
        1: 99,
        datetime.date(2024, 1, 1): 98,
        None: 96,
        "new": 95,
    }
    assert loader["parameters"]["is"] == {True: 97}


def test_a_text_as_key_is_found_by_a_number(write: Write) -> None:
    assert fit_params({"a": {1: "x"}}, {"a": {"1": "y"}}) == {"a": {"1": "x"}}
    assert fit_params(parse_params("a.1:x"), {"a": {"1": "y", 1: "z"}}) == {"a": {"1": "x"}}


@pytest.mark.parametrize(
    "reference",
    [
        "${weights.2}",
        "${weights.2024-01-01}",
        "${globals:weights.2}",
        "${globals:weights.2024-01-01}",
    ],
)
def test_values_under_keys_that_are_no_texts_can_be_referred_to(
    write: Write, reference: str
) -> None:
    weights = "weights: {2: 5, 2024-01-01: 5, 0: {2024-01-02: [{1: x}]}}\n"
    write("base/globals.yml", weights)
    write("base/parameters.yml", f"{weights}a: {reference}\nb: ${{weights}}\n")
    found = OmegaConfigLoader("conf")["parameters"]
    assert found["a"] == 5
    assert found["weights"] == found["b"]
    assert found["b"][0] == {datetime.date(2024, 1, 2): [{1: "x"}]}


def test_parameters_of_the_run_are_found_under_keys_that_are_no_texts(write: Write) -> None:
    write("base/parameters.yml", "weights: {1: 5}\n")
    write("base/catalog.yml", "a: {x: '${runtime_params:weights.1}'}\n")
    assert OmegaConfigLoader("conf")["catalog"] == {"a": {"x": 5}}
    given = {"weights": {1: 6}}
    assert OmegaConfigLoader("conf", None, given)["catalog"] == {"a": {"x": 6}}


@pytest.mark.parametrize("part", ["${{a{}}}${{a{}}}", '["${{a{}}}", "${{a{}}}"]'])
def test_references_do_not_blow_up(write: Write, part: str) -> None:
    lines = ["a0: x"] + [f"a{i + 1}: {part.format(i, i)}" for i in range(40)]
    write("base/parameters.yml", "\n".join(lines))
    with pytest.raises(
        ConfigError, match=r"conf/base/parameters\.yml:\d+: 'a\d+' refers to others"
    ):
        _ = OmegaConfigLoader("conf")["parameters"]


# What cannot be read


def test_what_is_no_configuration_is_told(write: Write, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "data" / "bass").mkdir(parents=True)
    with pytest.raises(MissingConfigException, match=r"There is no 'base' in empty.*none"):
        OmegaConfigLoader("empty")
    with pytest.raises(MissingConfigException, match="Did you mean 'bass'"):
        OmegaConfigLoader("data")


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")
def test_what_cannot_be_read_is_never_left_out(write: Write, tmp_path: Path) -> None:
    write("base/parameters.yml", "a: 1\n")
    base = tmp_path / "conf" / "base"
    (base / "parameters_b.yml").symlink_to("nowhere.yml")
    assert "conf/base/parameters_b.yml is a link to nothing" in refused()
    (base / "parameters_b.yml").unlink()
    os.mkfifo(base / "parameters_b.yml")
    assert "conf/base/parameters_b.yml is no file" in refused()
    (base / "parameters_b.yml").unlink()
    (base / "parameters_b.yml").symlink_to(os.devnull)
    (base / "again").symlink_to(base)
    (base / "more").symlink_to(tmp_path / "more")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "parameters_c.yml").write_text("c: 3\n")
    assert parameters() == {"a": 1, "c": 3}
    (tmp_path / "conf" / "local").write_text("")
    assert "conf/local is no folder" in refused()
    (tmp_path / "conf" / "local").unlink()
    (tmp_path / "conf" / "local").symlink_to("nowhere")
    assert "conf/local is a link to nothing" in refused()
