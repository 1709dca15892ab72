"""``sparkpipe catalog``: what is shown, and the entries that it adds."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from cli_project import CATALOG, ShopProject
from hypothesis import given
from hypothesis import strategies as st

from sparkpipe.redaction import redacted


def test_list_shows_the_data_sets_of_each_pipeline_by_type(shop: ShopProject) -> None:
    text = shop.command("catalog", "list").out
    whole, first = text.split("Pipeline 'first':\n")

    assert whole.startswith("Pipeline '__default__':\n  json.JSONDataSet\n    doubled  ")
    assert f"    numbers  {shop.path}/data/numbers.json\n" in whole
    memory = whole.split("  MemoryDataSet\n")[1]
    assert memory == "    shouted  (not in the catalog: in memory during the run)\n"
    assert first.endswith("  Not used: report\n")
    assert "params:" not in text


def test_list_tells_what_cannot_be_made_and_goes_on(shop: ShopProject) -> None:
    shop.write("conf/base/catalog.yml", CATALOG.replace("json.JSONDataSet", "nothing.here.Data", 1))
    said = shop.command("catalog", "list")
    assert said.status == 0, said.text
    assert "\n  nothing.here.Data\n" in said.out
    assert "(there is no data set type 'nothing.here.Data'" in said.out
    assert "\n  MemoryDataSet\n" in said.out


def test_names_of_entries_are_no_secrets(shop: ShopProject) -> None:
    shop.write(
        "conf/base/catalog_more.yml",
        "accounts: {type: json.JSONDataSet, filepath: data/tokens.json}\n",
    )
    entry = shop.command("catalog", "describe", "accounts").out.partition("\n\n")[2]
    assert yaml.safe_load(entry)["accounts"]["type"] == "json.JSONDataSet"
    resolved = yaml.safe_load(shop.command("catalog", "resolve").out)
    assert resolved["accounts"]["filepath"].endswith("data/tokens.json")


def test_list_of_chosen_pipelines(shop: ShopProject) -> None:
    assert "__default__" not in shop.command("catalog", "list", "--pipeline", "first").out
    said = shop.command("catalog", "list", "--pipeline", "first,frist")
    assert said.status == 2
    assert "There is no pipeline 'frist'. Did you mean 'first'?" in said.err


def test_parameters_are_those_of_a_run(shop: ShopProject) -> None:
    shop.write("conf/base/parameters.yml", "factor: 2\nday: 2024-01-01\nlabel: '1'\n")
    shop.replace(
        "conf/base/catalog.yml",
        "data/doubled.json",
        "data/${runtime_params:day}/${runtime_params:label}.json",
    )
    given = ("--params", "day:2024-03-02", "--params", "label:1.10")
    for words in (["list"], ["describe", "doubled"], ["resolve"]):
        assert "data/2024-01-01/1.json" in shop.command("catalog", *words).out
        said = shop.command("catalog", *words, *given)
        assert said.status == 0, said.text
        assert "data/2024-03-02/1.10.json" in said.out
        assert "data/2024-01-01" not in said.out
    assert shop.command("check", *given).status == 0
    shop.write("conf/base/parameters.yml", "factor: 2\nlabel: '1'\n")
    said = shop.command("catalog", "create", "--pipeline", "first")
    assert said.status == 2
    assert "'day' of the run, which is not given. Give --params day:..." in said.err
    assert shop.command("catalog", "create", "--pipeline", "first", *given).status == 0


@pytest.mark.parametrize("words", [["catalog", "list"], ["check"], ["run"]])
def test_a_parameter_that_is_no_date_or_that_nothing_reads_is_refused(
    shop: ShopProject, words: list[str]
) -> None:
    shop.write("conf/base/parameters.yml", "factor: 2\nday: 2024-01-01\n")
    shop.replace("conf/base/catalog.yml", "data/doubled", "data/${runtime_params:day}")
    said = shop.command(*words, "--params", "day:2024-02-30")
    assert said.status == 2
    assert said.err == (
        "Error: The parameter 'day' must be a date, as in conf/base/parameters.yml:2: "
        "'2024-02-30' is none (day is out of range for month). Write it like 2024-01-01.\n"
    )
    said = shop.command(*words, "--params", "dax:2024-02-01")
    assert said.status == 2
    assert "reads the parameter 'dax'. Did you mean 'day'?" in said.err
    assert not list(shop.path.glob("data/2024*"))


def test_describe_tells_entry_type_place_and_users(shop: ShopProject) -> None:
    said = shop.command("catalog", "describe", "doubled").out
    rows, _, entry = said.partition("\n\n")

    told = [line.split(maxsplit=2) for line in rows.splitlines()]
    assert ["Entry", "in", "conf/base/catalog.yml:5"] in told
    assert ["Written", "by", "double"] in told
    assert ["Read", "by", "total"] in told
    assert rows.endswith("__default__, first")
    assert yaml.safe_load(entry)["doubled"]["type"] == "json.JSONDataSet"


def test_describe_of_what_is_in_memory_only_and_of_nothing(shop: ShopProject) -> None:
    assert "in memory during the run" in shop.command("catalog", "describe", "shouted").out
    said = shop.command("catalog", "describe", "dubled")
    assert said.status == 2
    assert "has a data set 'dubled'. Did you mean 'doubled'?" in said.err


def test_describe_of_a_transcoded_data_set_tells_who_writes_its_other_name(
    shop: ShopProject,
) -> None:
    shop.replace("shop/pipeline_registry.py", '"doubled", tags', '"doubled@a", tags')
    shop.replace("shop/pipeline_registry.py", 'total, "doubled"', 'total, "doubled@b"')
    said = shop.command("catalog", "describe", "doubled@b").out
    assert ["Written", "by", "double"] in [line.split() for line in said.splitlines()]


def test_entries_of_patterns_are_shown_as_they_are_written(shop: ShopProject) -> None:
    shop.write(
        "conf/base/catalog_days.yml",
        '"{day}_day":\n  type: json.JSONDataSet\n  filepath: data/{day}.json\n',
    )
    shop.write(
        "shop/pipeline_registry.py",
        "from sparkpipe.pipeline import node, pipeline\n"
        "def register_pipelines():\n"
        "    return {'__default__': pipeline([node(len, 'first_day', 'second_day')])}\n",
    )
    said = yaml.safe_load(shop.command("catalog", "resolve", "-p", "__default__").out)
    assert {name: entry["filepath"] for name, entry in said.items()} == {
        "first_day": "data/first.json",
        "second_day": "data/second.json",
    }
    described = shop.command("catalog", "describe", "first_day").out.partition("\n\n")[2]
    assert yaml.safe_load(described)["first_day"]["filepath"] == "data/first.json"


def test_secrets_of_an_entry_are_hidden(shop: ShopProject) -> None:
    shop.write(
        "conf/base/catalog_store.yml",
        "store:\n  type: json.JSONDataSet\n  filepath: ftp://me:s3cr3t-1@host/a.json\n"
        "  credentials: {key: s3cr3t-2}\n  fs_args: {password: s3cr3t-3, timeout: 5}\n",
    )
    for words in (["describe", "store"], ["resolve"], ["list"]):
        said = shop.command("catalog", *words)
        assert said.status == 0, said.text
        assert "s3cr3t" not in said.text
    entry = shop.command("catalog", "describe", "store").out.partition("\n\n")[2]
    assert yaml.safe_load(entry)["store"] == {
        "type": "json.JSONDataSet",
        "filepath": "ftp://***@host/a.json",
        "credentials": {"key": "***"},
        "fs_args": {"password": "***", "timeout": 5},
    }


SECRET_KEYS = st.sampled_from(
    [
        *("password", "secret", "client_secret", "token", "aws_secret_access_key", "api_key"),
        *("key", "account_key", "connection_string", "storage_options"),
        *("private_key_pem", "keyfile_dict", "service_account_json"),
    ]
)


@given(
    st.recursive(
        st.dictionaries(SECRET_KEYS, st.just("s3cr3t"), min_size=1, max_size=2),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner | st.lists(inner), min_size=1),
        max_leaves=8,
    )
)
def test_no_secret_is_left_at_any_depth(config: dict[str, Any]) -> None:
    assert "s3cr3t" not in str(redacted(config))


def test_create_adds_what_is_missing_and_never_overwrites(shop: ShopProject) -> None:
    file = "conf/base/catalog_first.yml"
    shop.write("conf/base/catalog.yml", CATALOG.partition("doubled:")[0])

    said = shop.command("catalog", "create", "--pipeline", "first")
    assert said.status == 0, said.text
    assert said.out == f"Added to {file}: doubled\n"
    assert shop.read(file) == "doubled:\n  type: MemoryDataSet\n"

    shop.write(file, "# mine\ndoubled: {type: MemoryDataSet, copy_mode: assign}")
    shop.replace(
        "shop/pipeline_registry.py", 'only_nodes("double")', 'only_nodes("double", "total")'
    )
    assert shop.command("catalog", "create", "-p", "first").status == 0
    assert shop.read(file) == (
        "# mine\ndoubled: {type: MemoryDataSet, copy_mode: assign}\n\n"
        "report:\n  type: MemoryDataSet\n"
    )
    before = shop.read(file)
    said = shop.command("catalog", "create", "-p", "first")
    assert said.out == "The catalog has an entry for each data set of 'first'.\n"
    assert shop.read(file) == before


def test_create_counts_what_another_environment_has(shop: ShopProject) -> None:
    shop.write("conf/local/catalog.yml", "shouted: {type: MemoryDataSet}\n")
    said = shop.command("catalog", "create", "-p", "__default__")
    assert said.out == "The catalog has an entry for each data set of '__default__'.\n"


def test_create_leaves_a_file_alone_that_it_cannot_add_to(shop: ShopProject, refused: Any) -> None:
    text = "{doubled: {type: MemoryDataSet}}\n"
    shop.write("conf/base/catalog.yml", CATALOG.partition("doubled:")[0])
    shop.write("conf/base/catalog___default__.yml", text)
    said = refused("catalog", "create", "-p", "__default__")
    assert "catalog___default__.yml is no list of entries" in said
    assert shop.read("conf/base/catalog___default__.yml") == text


@pytest.mark.parametrize("name", ["../evil", "/etc/x", "a/b", "a\nb"])
def test_create_refuses_names_that_leave_the_folder(
    shop: ShopProject, refused: Any, name: str
) -> None:
    before = sorted(shop.path.rglob("*.yml"))
    assert "cannot be part of the name of a file" in refused("catalog", "create", "-p", name)
    assert sorted(shop.path.rglob("*.yml")) == before


def test_resolve_shows_the_entries_of_a_pipeline_as_yaml(shop: ShopProject) -> None:
    said = yaml.safe_load(shop.command("catalog", "resolve", "--pipeline", "first").out)
    assert said == {
        name: {"type": "json.JSONDataSet", "filepath": f"data/{name}.json"}
        for name in ("doubled", "numbers")
    }
