"""``--config``: options from a file, and the spellings of options."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_project import ShopProject
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkpipe.cli.commands.check import check
from sparkpipe.cli.commands.run import run
from sparkpipe.cli.options import parameters

WORD = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,8}", fullmatch=True)
WORDS = st.lists(WORD, min_size=1, max_size=3)


def read(arguments: list[str]) -> dict[str, Any]:
    params = run.make_context("run", arguments).params
    return {**params, "config": None, "params": parameters(params["params"])}


@settings(deadline=None)
@given(
    lists=st.dictionaries(
        st.sampled_from(["tags", "nodes", "from-nodes", "to_nodes", "from-inputs", "to_outputs"]),
        WORDS,
    ),
    texts=st.dictionaries(st.sampled_from(["pipeline", "runner", "env", "namespace"]), WORD),
    factors=st.dictionaries(
        st.from_regex(r"[a-z]{1,4}", fullmatch=True), st.integers(), max_size=3
    ),
    is_async=st.booleans(),
    joined=st.booleans(),
)
def test_a_file_says_the_same_as_the_command_line(
    lists: dict[str, list[str]],
    texts: dict[str, str],
    factors: dict[str, int],
    is_async: bool,
    joined: bool,
) -> None:
    options: dict[str, Any] = {**lists, **texts, "params": factors, "async": is_async}
    arguments = [f"--params={','.join(f'{k}:{v}' for k, v in factors.items())}"]
    for name, value in {**lists, **texts}.items():
        words = ",".join(value) if isinstance(value, list) else value
        arguments.append(f"--{name.replace('_', '-')}={words}")
        if joined:
            options[name] = words
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "run.yml")
        file.write_text(yaml.safe_dump({"run": options}))
        assert read(["--config", str(file)]) == read([*arguments, *["--async"] * is_async])


def test_file_says_what_runs_and_the_command_line_wins(shop: ShopProject) -> None:
    shop.write(
        "run.yml",
        "run:\n  tag: [first]\n  runner: ThreadRunner\n  params:\n    factor: 7\n",
    )

    ended = shop.command("run", "--config", "run.yml")
    assert ended.status == 0, ended.text
    assert json.loads(shop.read("data/doubled.json")) == [7, 14, 21]
    assert not (shop.path / "data/report.json").exists()

    shop.command("run", "-c", "run.yml", "--params", "factor:3", "--tags", "")
    assert json.loads(shop.read("data/report.json")) == {"total": 18}


def test_check_takes_the_same_file(shop: ShopProject) -> None:
    shop.write("run.yml", "run: {nodes: double}\n")
    assert "No problems in 1 node." in shop.command("check", "-c", "run.yml").out


def test_json_is_read_too(shop: ShopProject) -> None:
    shop.write("run.json", '{"run": {"pipeline": "first"}}')
    assert "Completed 1 out of 1" in shop.command("run", "-c", "run.json").err


def test_resume_command_repeats_the_file_and_not_what_it_says(shop: ShopProject) -> None:
    shop.write("run.yml", "run: {from_inputs: [numbers], params: {factor: 3}, async: true}\n")
    shop.replace("shop/nodes.py", "sum(doubled)", "1 / 0")

    ended = shop.command("run", "-c", "run.yml")

    assert ended.status == 1
    resume = "sparkpipe run --config run.yml --from-inputs '' --from-nodes total"
    assert f"To continue from there: {resume}\n" in ended.err
    shop.replace("shop/nodes.py", "1 / 0", "sum(doubled)")
    again = shop.command("run", "-c", "run.yml", "--from-inputs", "", "--from-nodes", "total")
    assert "Completed 2 out of 2" in again.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run:\n  tagz: [a]\n", "run.yml: 'tagz' of 'run' is no option. Did you mean 'tag"),
        ("run:\n  config: other.yml\n", "'config' of 'run' is no option."),
        ("run:\n  pipeline: [first]\n", "'pipeline' of 'run' must be a text or a list of texts"),
        ("run:\n  nodes: {a: 1}\n", "'nodes' of 'run' must be a text or a list of texts"),
        ("run:\n  tag: a\n  tags: b\n", "'tags' of 'run': the option is set twice"),
        ("run:\n  is_async: 1\n", "'is_async' of 'run' must be true or false, not 1"),
        ("run:\n  max_workers: 0\n", "'max_workers' of 'run': 0 is not in the range"),
        ("run:\n  load_versions: doubled\n", "'doubled' is not name:version"),
        ("run: [a]\n", "run.yml:1: 'run' must be a mapping"),
        ("rnu:\n  tag: a\n", "has no mapping 'run'. Did you mean 'rnu'?"),
        ("run: !!python/object/apply:os.system ['touch x']\n", "run.yml:1 is not YAML"),
        ("run:\n  tag: a\n  tag: b\n", "'tag' is set twice, first in line 2"),
        ("run:\n  pipeline: frist\n", "There is no pipeline 'frist'. Did you mean 'first'?"),
    ],
)
def test_what_a_file_may_get_wrong(
    shop: ShopProject, text: str, message: str, refused: Any
) -> None:
    shop.write("run.yml", text)
    assert message in " ".join(refused("run", "--config", "run.yml").split())
    assert not (shop.path / "x").exists()


def test_missing_file(refused: Any) -> None:
    assert "nowhere.yml cannot be read" in refused("run", "--config", "nowhere.yml")
    endless = Path("/dev/zero")
    if endless.is_char_device():
        assert "it has no end, or more than 50 MB" in refused("run", "--config", str(endless))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["--node", "a", "--node", "b"], ["--nodes", "a,b"]),
        (["-n", "a,b"], ["--nodes=a", "--nodes=b"]),
        (["--tag", "a", "-t", "b"], ["--tags", "a,b"]),
        (["--load-version", "a:1", "-lv", "b:2"], ["--load-versions", "a:1,b:2"]),
        (["--async"], ["--is-async"]),
        (["-ns", "a.b"], ["--namespace", "a.b"]),
        (["--params", "a:1,b.c:2"], ["--params", "a=1", "--params", "b.c=2"]),
    ],
)
def test_options_have_both_spellings(one: list[str], other: list[str]) -> None:
    assert read(one) == read(other)
    for arguments in (one, other):
        assert check.make_context("check", [*arguments]).params


def test_namespace_keeps_its_nodes(shop: ShopProject) -> None:
    shop.replace(
        "shop/pipeline_registry.py", '"doubled", tags="first"', '"doubled", namespace="a.b"'
    )

    shop.replace("shop/pipeline_registry.py", 'only_nodes("double")', 'only_nodes("a.b.double")')

    ended = shop.command("run", "--namespace", "a")
    assert "Completed 1 out of 1" in ended.err
    assert "Did you mean 'a.b'?" in shop.command("run", "--namespace", "a.bb").err
