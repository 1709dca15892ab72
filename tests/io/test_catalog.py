"""The catalog: data sets by name, made of configuration, used from many threads."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sparkpipe.errors import (
    DataSetAlreadyExistsError,
    DataSetError,
    DataSetNotFoundError,
)
from sparkpipe.io import AbstractDataSet, DataCatalog, MemoryDataSet


class Bare:
    """Just load and save, as a class of another library may have."""

    def __init__(self, data: Any = None) -> None:
        self.data = data

    def load(self) -> Any:
        if isinstance(self.data, Exception):
            raise self.data
        return self.data

    def save(self, data: Any) -> None:
        self.data = data


class Queue(Bare):
    def __init__(self) -> None:
        super().__init__()
        self.confirmed = self.released = 0

    def confirm(self) -> None:
        self.confirmed += 1

    def release(self) -> None:
        self.released += 1


class Slow(AbstractDataSet):
    """Takes long to make, and counts how often it is made."""

    made: ClassVar[list[Slow]] = []
    gate = threading.Event()

    def __init__(self) -> None:
        Slow.gate.wait(0.05)
        Slow.made.append(self)

    def _load(self) -> Any:
        return "data"

    def _save(self, data: Any) -> None: ...

    def _describe(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def catalog() -> DataCatalog:
    return DataCatalog({"orders": MemoryDataSet([1])}, feed_dict={"customers": {"a": 1}})


# Loading and saving


def test_saved_data_is_loaded(catalog: DataCatalog) -> None:
    catalog.save("orders", [2, 3])
    assert catalog.load("orders") == [2, 3]
    assert catalog.load("customers") == {"a": 1}


def test_loading_and_saving_are_logged_with_name_and_kind(
    catalog: DataCatalog, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "sparkpipe"):
        catalog.save("orders", catalog.load("customers"))
    assert [r.getMessage() for r in caplog.records] == [
        "Loading data from 'customers' (MemoryDataSet)...",
        "Saving data to 'orders' (MemoryDataSet)...",
    ]


@pytest.mark.parametrize(
    "use",
    [
        lambda c: c.load("ordres"),
        lambda c: c.save("ordres", 1),
        lambda c: c.release("ordres"),
        lambda c: c.confirm("ordres"),
        lambda c: c["ordres"],
    ],
)
def test_unknown_name_is_told_with_the_nearest(catalog: DataCatalog, use: Any) -> None:
    with pytest.raises(DataSetNotFoundError) as error:
        use(catalog)
    assert "'ordres'" in str(error.value)
    assert "Did you mean 'orders'?" in str(error.value)


def test_saving_none_is_refused_with_the_name(catalog: DataCatalog) -> None:
    with pytest.raises(DataSetError, match=r"'orders' \(MemoryDataSet\): None cannot be saved"):
        catalog.save("orders", None)
    assert catalog.load("orders") == [1]


def test_failure_names_data_set_kind_and_reason_and_keeps_the_cause() -> None:
    cause = ValueError("line 3 is odd")
    with pytest.raises(DataSetError) as error:
        DataCatalog({"orders": Bare(cause)}).load("orders")
    assert str(error.value) == "Could not load 'orders' (Bare): ValueError: line 3 is odd"
    assert error.value.__cause__ is cause


def test_failure_of_a_file_names_its_path(tmp_path: Path) -> None:
    entry = {"type": "pandas.CSVDataSet", "filepath": str(tmp_path / "orders.csv")}
    catalog = DataCatalog.from_config({"orders": entry})
    with pytest.raises(DataSetError) as error:
        catalog.load("orders")
    told = str(error.value)
    assert told.startswith("Could not load 'orders' (CSVDataSet, ")
    assert "orders.csv): the file does not exist" in told


def test_error_class_of_the_users_own_does_not_hide_the_failure() -> None:
    class QuotaError(DataSetError):
        def __init__(self, limit: int) -> None:
            super().__init__(f"more than {limit} rows")

    with pytest.raises(DataSetError, match=r"'orders'.*more than 5 rows") as error:
        DataCatalog({"orders": Bare(QuotaError(5))}).load("orders")
    assert isinstance(error.value.__cause__, QuotaError)


def test_subclass_of_an_error_stays_what_it_is() -> None:
    from sparkpipe.errors import VersionNotFoundError

    with pytest.raises(VersionNotFoundError, match=r"'orders'.*gone. Look elsewhere"):
        DataCatalog({"orders": Bare(VersionNotFoundError("gone.", hint="Look elsewhere."))}).load(
            "orders"
        )


# Objects with just load and save


def test_any_object_with_load_and_save_is_a_data_set() -> None:
    catalog = DataCatalog({"b": Bare(3)})
    assert catalog.load("b") == 3
    catalog.save("b", 4)
    assert catalog.load("b") == 4
    catalog.release("b")
    assert catalog.problems() == []


def test_object_that_cannot_tell_whether_it_exists_is_absent_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert DataCatalog({"b": Bare(3)}).exists("b") is False
    assert "'b' (Bare) has no 'exists'" in caplog.text


def test_what_is_no_data_set_is_refused_with_its_name(catalog: DataCatalog) -> None:
    with pytest.raises(DataSetError, match=r"'b' is no data set.* int .*MemoryDataSet\(data\)"):
        DataCatalog({"b": 3})
    with pytest.raises(DataSetError, match=r"'b' is no data set"):
        catalog.add("b", 3)
    with pytest.raises(DataSetError, match=r"'b' is no data set"):
        catalog.add_all({"b": 3})
    assert "b" not in catalog


def test_confirm_and_release_reach_the_data_set() -> None:
    queue = Queue()
    catalog = DataCatalog({"q": queue})
    catalog.confirm("q")
    catalog.release("q")
    assert (queue.confirmed, queue.released) == (1, 1)


def test_confirming_what_cannot_be_confirmed_is_refused(catalog: DataCatalog) -> None:
    with pytest.raises(DataSetError, match=r"'orders' \(MemoryDataSet\) cannot be confirmed"):
        catalog.confirm("orders")


def test_release_empties_memory(catalog: DataCatalog) -> None:
    assert catalog.exists("orders")
    catalog.release("orders")
    assert not catalog.exists("orders")
    with pytest.raises(DataSetError, match=r"'orders'.*nothing has been saved"):
        catalog.load("orders")


def test_what_is_not_in_the_catalog_does_not_exist(catalog: DataCatalog) -> None:
    assert catalog.exists("nowhere") is False


# Adding


def test_name_that_is_taken_is_refused_unless_replaced(catalog: DataCatalog) -> None:
    with pytest.raises(DataSetAlreadyExistsError, match="'orders'"):
        catalog.add("orders", MemoryDataSet(2))
    with pytest.raises(DataSetAlreadyExistsError):
        catalog.add_feed_dict({"orders": 2})
    with pytest.raises(DataSetAlreadyExistsError):
        catalog.add_all({"orders": MemoryDataSet(2)})
    assert catalog.load("orders") == [1]
    catalog.add("orders", MemoryDataSet(2), replace=True)
    assert catalog.load("orders") == 2


def test_feed_dict_takes_data_and_data_sets() -> None:
    data_set = MemoryDataSet(5)
    catalog = DataCatalog(feed_dict={"plain": 3, "none": None})
    catalog.add_feed_dict({"ready": data_set})
    assert catalog.load("plain") == 3
    assert catalog.load("none") is None
    assert catalog["ready"] is data_set


def test_list_finds_by_expression_in_either_case(catalog: DataCatalog) -> None:
    catalog.add_feed_dict({"Order_items": 1})
    assert catalog.list() == ["orders", "customers", "Order_items"]
    assert catalog.list("^order") == ["orders", "Order_items"]
    assert catalog.list("nothing") == []
    assert catalog.list(" ") == []


def test_list_refuses_what_is_no_expression(catalog: DataCatalog) -> None:
    with pytest.raises(DataSetError, match=r"'\*' is no regular expression"):
        catalog.list("*")


def test_catalog_is_a_mapping(catalog: DataCatalog) -> None:
    assert "orders" in catalog
    assert "nowhere" not in catalog
    assert len(catalog) == 2
    assert list(catalog) == ["orders", "customers"]
    assert isinstance(catalog["orders"], MemoryDataSet)
    catalog["new"] = 7
    catalog["orders"] = MemoryDataSet(8)
    assert catalog.load("new") == 7
    assert catalog.load("orders") == 8


def test_shallow_copy_shares_data_sets_and_nothing_else(catalog: DataCatalog) -> None:
    copy = catalog.shallow_copy()
    assert copy == catalog
    copy.save("orders", [9])
    assert catalog.load("orders") == [9]
    copy.add_feed_dict({"more": 1})
    copy.add("customers", MemoryDataSet(2), replace=True)
    assert "more" not in catalog
    assert catalog.load("customers") == {"a": 1}


def test_shallow_copy_keeps_the_class() -> None:
    class Own(DataCatalog):
        pass

    assert type(Own().shallow_copy()) is Own


# Attributes


def test_data_sets_are_attributes_too() -> None:
    catalog = DataCatalog(feed_dict={"orders": 1, "params:rate": 2, "a.b@pandas": 3})
    assert catalog.datasets.orders is catalog["orders"]
    assert catalog.datasets.params__rate.load() == 2
    assert catalog.datasets.a__b__pandas.load() == 3
    assert {"orders", "params__rate", "a__b__pandas"} <= set(dir(catalog.datasets))
    catalog.add_feed_dict({"later": 4})
    assert catalog.datasets.later.load() == 4


def test_name_itself_comes_before_one_that_is_written_alike() -> None:
    catalog = DataCatalog(feed_dict={"a.b": 1, "a__b": 2})
    assert catalog.datasets.a__b.load() == 2


def test_data_set_of_a_pattern_is_an_attribute() -> None:
    catalog = DataCatalog.from_config({"{x}_table": {"type": "MemoryDataSet"}})
    assert catalog.datasets.orders_table is catalog["orders_table"]


def test_unknown_attribute_is_told_with_the_nearest(catalog: DataCatalog) -> None:
    with pytest.raises(AttributeError, match=r"'ordres'.*Did you mean 'orders'\?"):
        _ = catalog.datasets.ordres
    assert not hasattr(catalog.datasets, "nowhere")


def test_attributes_cannot_be_set(catalog: DataCatalog) -> None:
    with pytest.raises(AttributeError, match=r"catalog\['orders'\]"):
        catalog.datasets.orders = MemoryDataSet(2)
    assert catalog.load("orders") == [1]


# From configuration


def test_layers_are_kept() -> None:
    entries: dict[str, Any] = {
        "a": {"type": "MemoryDataSet", "layer": "raw"},
        "b": {"type": "MemoryDataSet", "layer": "raw"},
        "c": {"type": "MemoryDataSet", "layer": "clean"},
        "d": {"type": "MemoryDataSet"},
    }
    catalog = DataCatalog.from_config(entries)
    assert catalog.layers == {"raw": {"a", "b"}, "clean": {"c"}}
    assert catalog.shallow_copy().layers == catalog.layers
    assert DataCatalog.from_config({"d": entries["d"]}).layers is None
    assert DataCatalog({}, layers={"raw": {"x"}}).layers == {"raw": {"x"}}


def test_entry_can_be_asked_for(tmp_path: Path) -> None:
    entry = {"type": "text.TextDataSet", "filepath": str(tmp_path / "a"), "layer": "raw"}
    catalog = DataCatalog.from_config({"a": entry})
    catalog.add_feed_dict({"b": 1})
    assert catalog.config_of("a") == entry
    assert catalog.config_of("b") is catalog.config_of("nowhere") is None


def test_entries_are_made_with_their_options(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config(
        {
            "notes": {"type": "text.TextDataSet", "filepath": str(tmp_path / "n.txt")},
            "kept": {"type": "MemoryDataSet", "copy_mode": "assign", "layer": "raw"},
            "_template": {"type": "nothing.Real"},
        }
    )
    assert catalog.list() == ["notes", "kept"]
    catalog.save("notes", "hello")
    assert (tmp_path / "n.txt").read_text() == "hello"
    data: list[int] = []
    catalog.save("kept", data)
    assert catalog.load("kept") is data


def test_empty_configuration_makes_an_empty_catalog() -> None:
    assert len(DataCatalog.from_config(None)) == len(DataCatalog.from_config({})) == 0


def test_all_impossible_entries_are_told_at_once() -> None:
    with pytest.raises(DataSetError) as error:
        DataCatalog.from_config(
            {
                "one": {"filepath": "a.csv"},
                "two": {"type": "text.TextDataSet", "filepaht": "b.txt"},
                "fine": {"type": "MemoryDataSet"},
                "three": {"type": "text.TextDataSet"},
                "four": {"type": "pandas.CVSDataSet", "filepath": "d.csv"},
                "five": ["text.TextDataSet"],
                "six": {"type": "MemoryDataSet", "versioned": True},
                "seven": {"type": "text.TextDataSet", "filepath": "e", "credentials": "mys3"},
                "eight": {"type": "text.TextDataSet", "filepath": 3},
                "nine": {"type": "text.TextDataSet", "filepath": "a", "load_args": [1]},
                "ten": {"type": "text.TextDataSet", "filepath": "nosuch://a"},
            },
            credentials={"my_s3": {}},
        )
    told = str(error.value).splitlines()
    assert len(told) == 10
    for name, reason in {
        "one": "the entry has no 'type'",
        "two": "TextDataSet has no option 'filepaht'. Did you mean 'filepath'?",
        "three": "TextDataSet needs the option 'filepath'",
        "four": "Did you mean 'pandas.CSVDataSet'?",
        "five": "the entry must be a mapping with a 'type', not list",
        "six": "MemoryDataSet cannot be versioned",
        "seven": "there are no credentials 'mys3'. Did you mean 'my_s3'?",
        "eight": "filepath must be a path, not 3",
        "nine": "load_args must be a mapping, not [1]",
        "ten": "nosuch:// cannot be used",
    }.items():
        line = next(line for line in told if f"'{name}'" in line)
        assert reason in line


def test_origin_of_an_entry_is_told() -> None:
    catalog = DataCatalog.from_config_lazily(
        {"x": {"type": "text.TextDataSet"}}, origins={"x": "conf/base/catalog.yml:7"}
    )
    (problem,) = catalog.problems()
    assert "'x' (conf/base/catalog.yml:7)" in problem


def test_lazy_entry_is_looked_at_when_asked_for() -> None:
    catalog = DataCatalog.from_config_lazily({"x": {"type": "no.such.Thing"}})
    assert catalog.list() == ["x"]
    with pytest.raises(DataSetError, match=r"no data set type 'no\.such\.Thing'"):
        catalog.load("x")


def test_problems_may_be_asked_for_some_names_only() -> None:
    broken = {"type": "text.TextDataSet"}
    catalog = DataCatalog.from_config_lazily({"x": broken, "y": broken})
    (problem,) = catalog.problems(["y", "unknown"])
    assert "'y'" in problem


# Credentials

SECRET = "hunter2"


def test_credentials_are_resolved_by_name_also_inside() -> None:
    class Vault(Bare):
        def __init__(self, credentials: dict[str, str]) -> None:
            super().__init__(credentials["token"])

    catalog = DataCatalog.from_config(
        {
            "plain": {"type": Vault, "credentials": "mine"},
            "literal": {"type": Vault, "credentials": {"token": "t"}},
        },
        credentials={"mine": {"token": SECRET}},
    )
    assert catalog.load("plain") == SECRET
    assert catalog.load("literal") == "t"


@pytest.mark.parametrize("kind", ["text.TextDataSet", "PartitionedDataSet"])
def test_credentials_that_are_no_mapping_are_refused_and_not_shown(kind: str) -> None:
    options = (
        {"filepath": "a"}
        if kind == "text.TextDataSet"
        else {"path": "a", "dataset": "text.TextDataSet"}
    )
    with pytest.raises(DataSetError, match=r"credentials must be a mapping, not a str") as error:
        DataCatalog.from_config(
            {"x": {"type": kind, "credentials": "db", **options}}, {"db": SECRET}
        )
    assert SECRET not in str(error.value)


def test_constructor_that_tells_its_credentials_does_not_tell_them_here() -> None:
    class Talks(Bare):
        def __init__(self, credentials: dict[str, Any]) -> None:
            raise ValueError(f"cannot use {credentials}")

    with pytest.raises(DataSetError) as error:
        DataCatalog.from_config({"x": {"type": Talks, "credentials": {"a": {"b": SECRET}}}})
    told = error.value.__cause__ or error.value
    assert "Talks does not accept its options: ValueError: cannot use" in str(error.value)
    assert SECRET not in f"{error.value} {told} {told.__cause__}"


def test_credentials_are_resolved_in_a_data_set_inside_another() -> None:
    inner = {"type": "text.TextDataSet", "filepath": "memory://n.txt", "credentials": "mine"}
    DataCatalog.from_config(
        {"c": {"type": "CachedDataSet", "dataset": inner}}, credentials={"mine": {"token": SECRET}}
    )
    with pytest.raises(DataSetError, match="no credentials 'mine'"):
        DataCatalog.from_config({"c": {"type": "CachedDataSet", "dataset": inner}})


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "text.TextDataSet", "filepath": "memory://n.txt", "credentials": "mine"},
        {"type": "pandas.CSVDataSet", "filepath": "memory://n.csv", "credentials": "mine"},
        {
            "type": "pandas.CSVDataSet",
            "filepath": "memory://n.csv",
            "load_args": {"storage_options": {"x": SECRET}},
        },
        {
            "type": "PartitionedDataSet",
            "path": "memory://nothing",
            "dataset": "text.TextDataSet",
            "credentials": "mine",
        },
        {
            "type": "CachedDataSet",
            "dataset": {
                "type": "text.TextDataSet",
                "filepath": "memory://n.txt",
                "credentials": "mine",
            },
        },
        {"type": "text.TextDataSet", "filepath": f"memory://me:{SECRET}@host/n.txt"},
    ],
)
def test_credentials_are_never_shown(
    entry: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    catalog = DataCatalog.from_config(
        {"x": entry}, credentials={"mine": {"key": SECRET, "password": SECRET}}
    )
    shown = [repr(catalog), repr(catalog["x"]), str(catalog["x"])]
    with caplog.at_level(logging.DEBUG):
        for use in (lambda: catalog.load("x"), lambda: catalog.save("x", object())):
            with pytest.raises(DataSetError) as error:
                use()
            # A path that a file system itself tells is not ours to change.
            if f":{SECRET}@" not in str(entry):
                shown.append(str(error.value))
    shown.append(caplog.text)
    assert not [text for text in shown if SECRET in text]


@pytest.mark.parametrize("use", ["load", "save", "exists", "release", "confirm"])
def test_credentials_that_a_strangers_method_tells_are_hidden(use: str) -> None:
    class Talks:
        def __init__(self, credentials: Any) -> None:
            self._token = credentials["token"]

        def _fail(self, *_: Any) -> Any:
            raise ValueError(f"the driver did not take {self._token}")

        load = save = exists = release = confirm = _fail

    catalog = DataCatalog.from_config(
        {"x": {"type": Talks, "credentials": "mine"}}, {"mine": {"token": SECRET}}
    )
    data = ("data",) if use == "save" else ()
    with pytest.raises(DataSetError, match=r"'x' \(Talks\).*the driver did not take") as error:
        getattr(catalog, use)("x", *data)
    assert SECRET not in str(error.value)


# Threads


def test_one_entry_is_made_once_for_all_threads() -> None:
    Slow.made.clear()
    catalog = DataCatalog.from_config_lazily({"slow": {"type": Slow}})
    copies = [catalog, catalog.shallow_copy()]
    start = threading.Barrier(16)

    def resolve(number: int) -> Any:
        start.wait()
        return copies[number % 2]["slow"]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(resolve, range(16)))
    assert len(Slow.made) == 1
    assert all(each is Slow.made[0] for each in found)
    assert copies[0] == copies[1]


def test_data_set_that_replaces_an_entry_while_it_is_made_stays() -> None:
    started, go_on = threading.Event(), threading.Event()

    class Waits(MemoryDataSet):
        def __init__(self) -> None:
            started.set()
            assert go_on.wait(10)
            super().__init__("old")

    catalog = DataCatalog.from_config_lazily({"x": {"type": Waits}})
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(lambda: catalog["x"])
        assert started.wait(10)
        catalog.add("x", MemoryDataSet("new"), replace=True)
        go_on.set()
        made.result()
    assert catalog.load("x") == "new"


def test_catalog_may_grow_within_a_loop_over_it(catalog: DataCatalog) -> None:
    for name in catalog:
        catalog.add_feed_dict({f"{name}_too": 1})
    assert len(catalog) == 4


def test_catalog_may_be_listed_while_it_grows() -> None:
    catalog = DataCatalog(feed_dict={f"x{i}": i for i in range(200)})
    done = threading.Event()

    def grow() -> None:
        for i in range(3000):
            catalog.add_feed_dict({f"y{i}": i})
        done.set()

    with ThreadPoolExecutor(1) as pool:
        growing = pool.submit(grow)
        while not done.is_set():
            for look in (repr, list, len, DataCatalog.list, DataCatalog.shallow_copy):
                look(catalog)
            catalog.problems(["x1"])
        growing.result()
    assert len(catalog) == 3200


@pytest.mark.parametrize("given", [[], ["hunter2"], 5, True])
def test_credentials_that_are_no_name_are_told(given: Any) -> None:
    entry = {"type": "json.JSONDataSet", "filepath": "a.json", "credentials": given}
    with pytest.raises(DataSetError, match="must be the name of some, or a mapping") as error:
        DataCatalog.from_config({"a": entry})
    assert "hunter2" not in str(error.value)
