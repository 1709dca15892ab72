"""``sparkpipe package``, archives of configuration, and projects run by their package."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from cli_project import ShopProject
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkpipe.cli.commands import package
from sparkpipe.config.archive import pack, unpack
from sparkpipe.errors import ConfigError
from sparkpipe.project import find_project

pytestmark = pytest.mark.slow

MAIN = """
from sparkpipe.cli.installed_project import run_package


def main():
    run_package("shop")


if __name__ == "__main__":
    main()
"""

BUILD = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "shop"
version = "1.2.3"
requires-python = ">=3.10"

[project.scripts]
shop = "shop.__main__:main"

[tool.hatch.build.targets.wheel]
packages = ["shop"]

"""


@pytest.fixture
def packable(shop: ShopProject) -> ShopProject:
    pytest.importorskip("hatchling")
    shop.write("pyproject.toml", BUILD + shop.read("pyproject.toml"))
    shop.write("shop/__main__.py", MAIN)
    shop.write("conf/local/credentials.yml", "store: {key: s3cr3t}\n")
    shop.write("conf/prod/parameters.yml", "factor: 3\n")
    return shop


@pytest.fixture
def installed(
    packable: ShopProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ShopProject:
    """A folder without a project, with the wheel installed and the archive of configuration."""
    assert packable.command("package", "--directory", str(tmp_path / "made")).status == 0
    site = tmp_path / "site"
    with zipfile.ZipFile(tmp_path / "made/shop-1.2.3-py3-none-any.whl") as wheel:
        wheel.extractall(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    here = ShopProject(tmp_path / "elsewhere")
    here.write("data/numbers.json", "[1, 2, 3]")
    (here.path / "conf.tar.gz").write_bytes((tmp_path / "made/conf-shop.tar.gz").read_bytes())
    return here


def test_package_makes_a_wheel_with_its_command_and_an_archive_without_local(
    packable: ShopProject,
) -> None:
    said = packable.command("package")

    assert said.status == 0, said.text
    assert said.out == "Made dist/shop-1.2.3-py3-none-any.whl\nMade dist/conf-shop.tar.gz\n"
    assert sorted(os.listdir(packable.path / "dist")) == [  # noqa: PTH208
        "conf-shop.tar.gz",
        "shop-1.2.3-py3-none-any.whl",
    ]
    with zipfile.ZipFile(packable.path / "dist/shop-1.2.3-py3-none-any.whl") as wheel:
        names = wheel.namelist()
        assert "shop/nodes.py" in names
        assert not [name for name in names if "conf" in name]
        commands = wheel.read("shop-1.2.3.dist-info/entry_points.txt").decode()
    assert "shop = shop.__main__:main" in commands
    with tarfile.open(packable.path / "dist/conf-shop.tar.gz") as archive:
        names = archive.getnames()
    assert sorted(names) == [
        "conf/base/catalog.yml",
        "conf/base/parameters.yml",
        "conf/prod/parameters.yml",
    ]


def test_a_package_that_cannot_be_run_is_told(packable: ShopProject) -> None:
    assert "__main__" not in packable.command("package").err
    (packable.path / "shop/__main__.py").unlink()
    said = packable.command("package")
    assert said.status == 0
    assert "Warning: shop has no __main__.py" in said.err


def test_a_linked_environment_is_packed_and_a_loop_is_not(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/catalog.yml").write_text("a: 1")
    (tmp_path / "conf/base").mkdir(parents=True)
    (tmp_path / "conf/prod").symlink_to(tmp_path / "shared")
    (tmp_path / "shared/again").symlink_to(tmp_path / "shared")
    assert pack(tmp_path / "conf", tmp_path / "conf.tgz") == ["prod/catalog.yml"]
    (tmp_path / "to").mkdir()
    unpacked = unpack(tmp_path / "conf.tgz", tmp_path / "to")
    assert (unpacked / "prod/catalog.yml").read_text() == "a: 1"


def test_credentials_beside_local_are_named(packable: ShopProject) -> None:
    packable.write("conf/prod/credentials.yml", "store: {key: other}\n")
    said = packable.command("package")
    assert said.status == 0
    assert "Warning: the archive holds prod/credentials.yml." in said.err


def test_package_runs_by_its_name_with_the_archive(installed: ShopProject) -> None:
    said = installed.command("--conf-source", "conf.tar.gz", module="shop")
    assert said.status == 0, said.text
    assert json.loads(installed.read("data/report.json")) == {"total": 12}
    before = set(Path(tempfile.gettempdir()).glob("sparkpipe-conf-*"))

    said = installed.command(
        "--conf-source=conf.tar.gz", "--env=prod", "--tag=first", module="shop"
    )
    assert json.loads(installed.read("data/doubled.json")) == [3, 6, 9]
    assert set(Path(tempfile.gettempdir()).glob("sparkpipe-conf-*")) <= before


def test_a_packaged_run_that_goes_wrong_ends_with_its_status(installed: ShopProject) -> None:
    for arguments, status, message in (
        ([], 2, "There is no configuration folder"),
        (["--conf-source", "nowhere.zip"], 2, "There is no configuration archive nowhere.zip"),
        (["--conf-source", "conf.tar.gz", "--pipeline", "frist"], 2, "Did you mean 'first'?"),
        (["--bogus"], 2, "No such option"),
        (["--conf-source", "conf.tar.gz", "--params", "factor:'x'"], 1, "the run failed"),
    ):
        said = installed.command(*arguments, module="shop")
        assert said.status == status, said.text
        assert message in said.err
        assert "Traceback" not in said.err
        if status == 1:
            assert "To continue from there: shop --params " in said.err


def test_a_package_in_the_folder_of_its_project_uses_its_conf(packable: ShopProject) -> None:
    (packable.path / "below").mkdir()
    assert packable.command("--pipeline", "first", module="shop").status == 0
    assert json.loads(packable.read("data/doubled.json")) == [2, 4, 6]


def test_a_package_that_is_installed_brings_its_code_into_the_folder_of_its_project(
    installed: ShopProject, packable: ShopProject
) -> None:
    packable.replace("shop/nodes.py", "number * factor", "number * 100")
    code = "import sys; sys.path.pop(0); from shop.__main__ import main; sys.argv[1:] = []; main()"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=packable.path, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr
    assert json.loads(packable.read("data/doubled.json")) == [2, 4, 6]


@pytest.mark.parametrize("suffix", ["zip", "tar.gz", "tgz"])
def test_conf_source_may_be_an_archive(shop: ShopProject, suffix: str) -> None:
    shop.write("other/base/catalog.yml", shop.read("conf/base/catalog.yml"))
    shop.write("other/base/parameters.yml", "factor: 5\n")
    archive = shop.path / f"other.{suffix}"
    names = ("base/catalog.yml", "base/parameters.yml")
    if suffix == "zip":
        with zipfile.ZipFile(archive, "w") as made:
            for name in names:
                made.write(shop.path / "other" / name, name)
    else:
        with tarfile.open(archive, "w:gz") as made:
            for name in names:
                made.add(shop.path / "other" / name, name)
    said = shop.command("run", "--conf-source", f"other.{suffix}")
    assert said.status == 0, said.text
    assert json.loads(shop.read("data/report.json")) == {"total": 30}


@pytest.mark.parametrize(
    ("pyproject", "message"),
    [
        ("", "does not say how to build a wheel"),
        (BUILD.replace("hatchling.build", "no_such_backend"), "'no_such_backend'"),
        (BUILD.replace('version = "1.2.3"', ""), "The wheel could not be built:"),
    ],
)
def test_a_wheel_that_cannot_be_built_is_told(
    packable: ShopProject, pyproject: str, message: str
) -> None:
    packable.write("pyproject.toml", pyproject + '[tool.sparkpipe]\npackage_name = "shop"\n')
    said = packable.command("package")
    assert said.status == 2
    assert message in said.err
    assert "Traceback" not in said.err
    assert list((packable.path / "dist").iterdir()) == []


@pytest.mark.parametrize(
    ("installed", "told"),
    [
        # Where it fetches the backend a build needs a network; tests/docs builds with one.
        (["pip"], f"{sys.executable} -m pip install hatchling"),
        ([], "built by 'hatchling', which is not installed, nor is pip, which would fetch it."),
    ],
)
def test_a_backend_that_is_missing_and_cannot_be_fetched_is_told_with_what_brings_it(
    packable: ShopProject, monkeypatch: pytest.MonkeyPatch, installed: list[str], told: str
) -> None:
    monkeypatch.setattr(package, "_is_installed", lambda name: name in installed)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(packable.path))
    with pytest.raises(ConfigError) as refusal:
        package.build(find_project(packable.path), None, verbose=False)
    assert told in str(refusal.value)
    assert list((packable.path / "dist").iterdir()) == []


# Archives


def _tar(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def _linking(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = target
    return member


@pytest.mark.parametrize(
    "member",
    [
        tarfile.TarInfo("../evil.yml"),
        tarfile.TarInfo("/tmp/evil.yml"),
        tarfile.TarInfo("conf/base/../../../evil.yml"),
        tarfile.TarInfo("conf\\..\\evil.yml"),
        _linking("conf/base", "/etc", tarfile.SYMTYPE),
        _linking("conf/base/catalog.yml", "/etc/passwd", tarfile.LNKTYPE),
        _linking("conf/base/catalog.yml", "", tarfile.FIFOTYPE),
    ],
    ids=lambda member: member.name,
)
def test_archives_that_mean_harm_are_refused(shop: ShopProject, member: tarfile.TarInfo) -> None:
    _tar(shop.path / "conf.tar.gz", (member, b""))
    before = sorted(shop.path.parent.rglob("*"))
    said = shop.command("check", "--conf-source", "conf.tar.gz")
    assert said.status == 2
    assert "such an archive is not unpacked" in said.err
    assert [path for path in sorted(shop.path.parent.rglob("*")) if path not in before] in (
        [],
        [path for path in sorted(shop.path.rglob("*")) if "__pycache__" in path.parts],
    )


def test_links_and_passwords_in_a_zip_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("conf/base")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc")
    with pytest.raises(ConfigError, match="is a link"):
        unpack(tmp_path / "a.zip", tmp_path)


def test_what_is_no_archive_is_told(shop: ShopProject) -> None:
    for name in ("conf.zip", "conf.tar.gz"):
        shop.write(name, "no archive")
        said = shop.command("check", "--conf-source", name)
        assert said.status == 2
        assert f"The configuration archive {name} cannot be read" in said.err


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparkpipe.config.archive._MOST_BYTES", 2**21)
    path = _tar(tmp_path / "conf.tgz", (tarfile.TarInfo("conf/base/a.yml"), b"\0" * (2**21 + 1)))
    folder = tmp_path / "to"
    folder.mkdir()
    with pytest.raises(ConfigError, match="holds more than 2 MB"):
        unpack(path, folder)


PART = st.sampled_from(["..", ".", "", "a", "base", "/", "\\", "C:", "\0", "~", "a b", "é"])


@settings(deadline=None)
@given(st.lists(PART, min_size=1, max_size=5), st.booleans())
def test_no_name_in_an_archive_leaves_the_folder(parts: list[str], is_zip: bool) -> None:
    with tempfile.TemporaryDirectory() as root:
        outer = Path(root, "outer")
        folder = outer / "folder"
        folder.mkdir(parents=True)
        archive = Path(root, "conf.zip" if is_zip else "conf.tar.gz")
        name = "/".join(parts).lstrip("\0") or "."
        if is_zip:
            with zipfile.ZipFile(archive, "w") as made:
                made.writestr(name, "x")
        else:
            _tar(archive, (tarfile.TarInfo(name), b"x"))
        try:
            unpack(archive, folder)
        except ConfigError:
            pass
        else:
            written = [path for path in folder.rglob("*") if path.is_file()]
            assert len(written) <= 1
        assert list(outer.iterdir()) == [folder]


FILES = st.dictionaries(
    st.from_regex(r"(base|prod/east|test)/[a-z]{1,4}\.yml", fullmatch=True), st.binary(max_size=40)
)


@settings(deadline=None)
@given(FILES, FILES)
def test_what_is_packed_is_unpacked_the_same_but_local(
    files: dict[str, bytes], local: dict[str, bytes]
) -> None:
    with tempfile.TemporaryDirectory() as root:
        conf, folder = Path(root, "conf"), Path(root, "to")
        folder.mkdir()
        hidden = {f"local/{name}": content for name, content in local.items()}
        for name, content in {"base/catalog.yml": b"", **files, **hidden}.items():
            (conf / name).parent.mkdir(parents=True, exist_ok=True)
            (conf / name).write_bytes(content)
        pack(conf, Path(root, "conf.tar.gz"))
        unpacked = unpack(Path(root, "conf.tar.gz"), folder)
        found = {
            path.relative_to(unpacked).as_posix(): path.read_bytes()
            for path in unpacked.rglob("*")
            if path.is_file()
        }
        assert found == {"base/catalog.yml": b"", **files}
