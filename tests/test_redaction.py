"""What is secret is not shown, and what is none is."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sparkpipe.datasets.json import JSONDataSet
from sparkpipe.datasets.spark import SparkJDBCDataSet
from sparkpipe.errors import DataSetError, RunFailedError
from sparkpipe.io import DataCatalog, LambdaDataSet, declared
from sparkpipe.pipeline import node, pipeline
from sparkpipe.redaction import redacted, redacted_entries, redacted_text
from sparkpipe.runner import ParallelRunner, SequentialRunner, ThreadRunner

SECRET = "hunter2"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:hunter2@host/db",
        "postgresql://me:hunter2/a@b@host:5432/db",
        "mysql+pymysql://me:a#hunter2?@host/db?charset=utf8",
        "https://hunter2@host/a.git",
        "s3://AKIA:a/hunter2+b=@bucket/x.csv",
        "me:hunter2/x@host/a.csv",
        'spark.read.option("password", "hunter2")',
        "conf['account_key'] = 'hunter2'",
        'def read(password: str = "hunter2"):',
        "https://store/a.csv?sv=2024&sig=hunter2%3D&se=2026",
        "https://b.s3.amazonaws.com/x?X-Amz-Credential=hunter2&X-Amz-Signature=hunter2",
        "https://b/x?X-Amz-Security-Token=hunter2&X-Goog-Signature=hunter2",
        "https://host/x?key=hunter2&access_token=hunter2",
        "jdbc:postgresql://db/shop?user=me&password=a,b)hunter2&ssl=true",
        "jdbc:sqlserver://h:1433;user=sa;password={a;hunter2};encrypt=true",
        "jdbc:oracle:thin:scott/ti@hunter2@//db:1521/shop",
        "jdbc:mysql://root:hunter2@h/db",
        "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=hunter2==;EndpointSuffix=core",
        'ScramLoginModule required username="me" password="a;\\"hunter2";',
        "SharedAccessSignature=sv=2&sig=hunter2",
        "connect() failed: {'user': 'me', 'password': 'a hunter2', 'port': 1}",
        "cannot open 'https://h/x?sig=hunter2': no such file",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3D%7BX%7D%3BUID%3Dme%3BPWD%3Dhunter2%3B",
        *("Driver={X};Uid = me;Pwd = hunter2;", "http://hunter2@host/a", "HTTPS://hunter2@host/a"),
        *("https://host/x?subscription-key=hunter2", "webhdfs://h/x?delegation=hunter2"),
        *("401 for Authorization: Bearer hunter2", "authorization=Basic hunter2"),
        *("X-Api-Key: hunter2", "x-amz-security-token: hunter2", "Cookie: a=1; session=hunter2"),
        *("curl -H 'Proxy-Authorization: Basic hunter2' h", "is not valid: Bearer abc.hunter2"),
        *("password: hunter2", "{client_secret: hunter2, x: 1}", "aws_secret_access_key: hunter2"),
        *("ALTER USER me IDENTIFIED BY 'hunter2'", "CREATE SECRET (TYPE S3, SECRET 'hunter2')"),
        "OPTIONS (url 'jdbc:x', `password` \"hunter2\")",
        "-----BEGIN RSA PRIVATE KEY-----\nab\nhunter2\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_no_address_and_no_message_shows_a_secret(address: str) -> None:
    assert SECRET not in redacted_text(address)
    assert SECRET not in redacted_text(f"OperationalError: ({address}) failed")
    assert SECRET not in str(redacted({"a": [{"con": address}]}))


@pytest.mark.parametrize(
    "text",
    [
        *("s3://bucket/key=1/token=a/x.csv", "data/account=7/password=x/a.csv"),
        *("https://host:8080/a/b.csv?page=2", "abfss://c@account.dfs.core.windows.net/x"),
        *("C:/data/me@home.csv", "C:\\data\\me@home.csv", "hdfs://nn:8020/a"),
        *("columns ['token', 'day']", 'option("header", "true")', "frame['secret'] = day"),
        *("me@example.com: failed", "total=5; key=1", "jdbc:oracle:thin:@//h:1521/s"),
        *("Data set 'password': no file: a", "Data set 'cookie': not there", "bearer tokens only"),
        *("hash_password: hash_password([a]) -> [b]", "x?primary_key=id", "max_tokens: 100"),
        "def log_in(user: str, password: str, token: Optional[str] = None) -> None:",
    ],
)
def test_what_holds_no_secret_is_shown_as_it_is(text: str) -> None:
    assert redacted_text(text) == text


def test_a_password_of_jdbc_may_have_spaces() -> None:
    assert redacted_text("jdbc:mysql://h/a?password=a hunter2&x=1") == (
        "jdbc:mysql://h/a?password=***&x=1"
    )


_SLOW = ("password ", "x-", "bearer a", "cookie:", "-----BEGIN PRIVATE KEY-----", "aws_", "pwd:")


def test_a_long_message_takes_no_time() -> None:
    started = time.perf_counter()
    for part in ("a=", "a:", "{=", "'a': '", "://a:", "x@", "(a:/", *_SLOW):
        redacted_text(part * 20_000 + "@")
    assert time.perf_counter() - started < 20


def test_names_of_entries_and_columns_are_no_secrets() -> None:
    entries: dict[str, Any] = {
        name: {"type": "json.JSONDataSet", "filepath": f"data/{name}.json"}
        for name in ("accounts", "tokens", "monkey", "password", "secret_key", "credentials")
    }
    entries["orders"] = {
        "type": "pandas.CSVDataSet",
        "filepath": "data/o.csv",
        "metadata": {"primary_key": "id", "owner": {"customer_key": "x"}},
        "load_args": {"dtype": {"account": "str", "api_key": "str", "password": "str"}},
        "primary_key": ["id"],
        "key_columns": ["id"],
        "key": "table",
    }
    assert redacted_entries(entries) == entries


def test_secrets_inside_entries_are_hidden() -> None:
    entry = {
        "type": "spark.SparkStreamingDataSet",
        "filepath": "ftp://me:hunter2@host/a",
        "load_args": {"kafka.sasl.jaas.config": "hunter2", "kafka.ssl.key.password": "hunter2"},
        "fs_args": {"key": "hunter2", "secret": "hunter2", "sslPassword": "hunter2"},
        "metadata": {"api_key": "hunter2"},
        "credentials": [{"a": "hunter2"}],
        "options": {"auth": ["me", "hunter2"], "headers": [{"Cookie": "hunter2"}]},
        "save_args": {"fs.azure.account.key.x": "hunter2", "dtype": "https://me:hunter2@h"},
    }
    assert SECRET not in str(redacted_entries({"x": entry}))


def test_no_place_of_a_data_set_shows_a_secret() -> None:
    class Theirs:
        def __init__(self) -> None:
            self._filepath = "x"

        def _describe(self) -> dict[str, Any]:
            return {"filepath": "https://store/a.csv?sig=hunter2"}

        def load(self) -> Any: ...

        def save(self, data: Any) -> None: ...

    assert declared.location_of(Theirs()) == "https://store/a.csv?sig=***"
    signed = JSONDataSet("https://store/a.csv?sig=hunter2")
    assert SECRET not in str(signed) + declared.location_of(signed)
    table = SparkJDBCDataSet(
        "jdbc:oracle:thin:scott/hunter2@//db",
        "t",
        load_args={"properties": {"sslpassword": "hunter2"}, "accessKey": "hunter2"},
    )
    assert SECRET not in str(table)


def test_what_a_driver_tells_is_told_without_secrets() -> None:
    def load() -> Any:
        raise ConnectionError("cannot connect to postgresql://me:hunter2/x@host/db")

    catalog = DataCatalog({"x": LambdaDataSet(load)})
    with pytest.raises(Exception) as caught:
        SequentialRunner().run(pipeline([node(lambda x: x, "x", "y", name="n")]), catalog)
    failure = caught.value.failures[0]  # type: ignore[attr-defined]
    assert "postgresql://***@host/db" in str(failure)
    assert SECRET not in str(failure) + failure.traceback_text


class TellsAll:
    """As some drivers do, it tells what it was given where that is wrong."""

    def __init__(self, credentials: dict[str, Any]) -> None:
        self._credentials = credentials

    def load(self) -> Any:
        raise ConnectionError(f"{self._credentials['user']} cannot log in with hunter2")

    def save(self, data: Any) -> None: ...


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner, ParallelRunner])
@pytest.mark.parametrize("inline", [False, True])
def test_what_a_stranger_tells_is_told_without_its_credentials(runner: Any, inline: bool) -> None:
    credentials = {"user": "somebody", "options": [{"password": "hunter2"}]}
    entry = {"type": f"{__name__}.TellsAll", "credentials": credentials if inline else "db"}
    catalog = DataCatalog.from_config({"x": entry}, {"db": credentials})
    with pytest.raises(RunFailedError) as caught:
        runner().run(pipeline([node(str, "x", "y", name="n")]), catalog)
    (failure,) = caught.value.failures
    assert "somebody cannot log in with ***" in failure.message
    assert SECRET not in failure.message + failure.traceback_text
    with pytest.raises(DataSetError) as refused:
        catalog.load("x")
    assert SECRET not in str(refused.value)


class TellsAllOfAnyKind:
    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load(self) -> Any:
        raise ConnectionError(f"refused at db.example: {self._credentials}")

    def save(self, data: Any) -> None: ...


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize(
    "credentials",
    [
        {"host": "db.example", "tokens": ["hunter2", "hunter22"]},
        {"host": "db.example", "site": {"passwords": {"first": "hunter2"}}},
        {"host": "db.example", "auth": ["somebody", "hunter2"]},
        {"host": "db.example", "basic_auth": {"somebody": "hunter2"}},
        ["somebody", "hunter2"],
    ],
)
def test_secrets_in_the_plural_and_pairs_are_hidden(credentials: Any, inline: bool) -> None:
    given = credentials if inline and isinstance(credentials, dict) else "db"
    entry = {"type": f"{__name__}.TellsAllOfAnyKind", "credentials": given}
    catalog = DataCatalog.from_config({"x": entry}, {"db": credentials})
    with pytest.raises(DataSetError, match="refused at db") as told:
        catalog.load("x")
    assert SECRET not in str(told.value)


def test_what_is_wrong_with_an_entry_is_told_without_secrets() -> None:
    entries: list[dict[str, Any]] = [
        {"type": "spark.SparkJDBCDataSet", "url": "postgresql://me:hunter2@h/d", "table": "t"},
        {"type": "spark.SparkDataSet", "filepath": "s3a://me:hunter2@b/*", "versioned": True},
        {"type": "text.TextDataSet", "filepath": "a.txt", "fs_args": "password=hunter2"},
        {"type": "text.TextDataSet", "filepath": "https://me:hunter2@h/a", "versioned": True},
        {"type": "pandas.CSVDataSet", "filepath": "nosuch://me:hunter2@h/a?sig=hunter2"},
    ]
    for entry in entries:
        (problem,) = DataCatalog.from_config_lazily({"x": entry}).problems()
        assert SECRET not in problem


def test_tuples_are_shown_as_tuples() -> None:
    assert redacted({"names": ("a", [("password", 1)])}) == {"names": ("a", [("password", 1)])}
    assert redacted({"x": ({"password": "p"},)}) == {"x": ({"password": "***"},)}
