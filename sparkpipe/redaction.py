"""Configuration, addresses and messages as they may be shown: without secrets.

Names decide about options (:func:`is_secret`), and inside of texts about what stands after a name;
what stands before the host of an address is hidden as a whole. Rather too much is hidden than too
little, but not what no secret has for its name: data sets, and columns of tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

HIDDEN = "***"

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# Of a name, however its words are joined.
_OF_SECRETS = (
    r"password|passwd|passphrase|secret|credential|bearer|authorization|jaas|keyfile"
    r"|connectionstring|storageoptions|serviceaccount|signature"
    r"|(access|account|api|private|shared|master|encryption|signing|ssh|ssl)key"
)
_SECRET_WORDS = frozenset({"pwd", "token", "sas", "passcode"})
# What is a secret only as a whole name of an option.
_SECRET_NAMES = frozenset(
    ("auth", "basicauth", "httpauth", "proxyauth", "cookie", "cookies", "cred", "creds", "pass")
)
# primary_key, sort_key and their like name columns.
_OF_TABLES = frozenset(
    (
        *("primary", "foreign", "sort", "order", "join", "merge", "partition", "cluster", "row"),
        *("clustering", "business", "natural", "surrogate", "unique", "composite", "candidate"),
        *("alternate", "dedup", "group", "public", "table", "record", "index"),
    )
)
# As do key_column and key_fields.
_NAMES_COLUMNS = frozenset(("column", "columns", "col", "cols", "field", "fields", "by"))
#: Options whose keys are columns of the user's.
_BY_COLUMN = frozenset(
    (
        *("dtype", "dtypes", "schema", "schema_overrides", "converters", "columns", "rename"),
        *("names", "parse_dates", "column_types"),
    )
)
#: What is for other tools.
_FREE = frozenset(("metadata",))

_LEAST_LENGTH = 4

# These are compiled when they are first needed. All are bounded, as messages may be long.
# me:secret@ after a protocol or at the beginning: a password may hold any character.
_USER = (
    r"(?:(?<=://)|(?<![^\s'\"(=]))(?![a-zA-Z]:[/\\]|jdbc:)"
    r"[^/@:\s'\"]{0,200}:(?!//)[^\s'\"<>]{0,500}@(?=[^\s@])"
)
_AS_USER = r"(?i:(?<=https://)|(?<=http://))[^/@:\s?#]{1,500}(?=@)"
# jdbc:oracle:thin:scott/tiger@//host
_ORACLE = r"(?<=:)[^/:@\s]{1,200}/\S{1,500}(?=@)"
_QUOTE = r"\"(?:\\.|[^\"\\]){0,2000}\"|'(?:\\.|[^'\\]){0,2000}'"
_VALUE = rf"\{{[^}}]{{0,500}}\}}|{_QUOTE}"
# Not after a slash: those are partitions of a table.
_ASSIGNED = rf"(?<![\w.%/?&;-])([\w.%-]+)(\s?=\s?)({_VALUE}|[^&;\s,)\]}}'\"]*)"
_IN_ADDRESS = rf"(?<=[?&;])([\w.%-]+)(\s?=\s?)({_VALUE}|[^&;\s'\"]*)"
_IN_JDBC = rf"(?<=[?&;])([\w.%-]+)(=)({_VALUE}|[^&;]*)"
_QUOTED = rf"(?<=['\"])([\w.-]+)(['\"]\s*:\s*)({_QUOTE})"
# As code has them: option("password", "abc"), conf["password"] = "abc", password: str = "abc".
_IN_CODE = (
    rf"(?<=\(['\"])([\w.-]+)(['\"]\s*,\s*)({_QUOTE})",
    rf"(?<=\[['\"])([\w.-]+)(['\"]\]\s*=\s*)({_QUOTE})",
    rf"(?<![\w.])(\w+)(:\s*str\s*=\s*)({_QUOTE})",
)
# What signs an address, and who somebody is.
_OF_ADDRESSES = frozenset(
    (
        *("sig", "code", "user", "username", "uid", "pw", "authkey", "delegation", "jsessionid"),
        "odbc_connect",  # a whole connection string
    )
)
# What is nothing else among credentials.
_OF_CREDENTIALS = frozenset(("auth", "basic_auth", "pat", "pin", "bearer"))
# Authorization: Bearer abc
_HEADER = (
    r"(?i:(?<![\w-])((?:proxy-|x-[\w-]{0,40}-)?authorization|x-[\w-]{0,40}(?:token|key|secret)))"
    r"(\s?[:=]\s?)((?i:(?:basic|bearer|token|digest|negotiate)\s+)?[^\s'\",;)}\]]{1,5000})"
)
_COOKIE = r"(?i:(?<![\w-])((?:set-)?cookie))(:\s?)([^\s'\"][^\n'\"]{0,5000})"
_BEARER = r"(?<!\w)([Bb]earer)(\s+)((?=[\w.~+/=-]{0,100}\d)[\w.~+/=-]{8,5000})"
# password: abc, and in SQL: password 'abc'
_TOLD = (
    r"(?i:(?<![\w.-])(password|passwd|pwd|passphrase|client_?secret|account_?key|api_?key"
    r"|(?:aws_)?secret_?(?:access_?)?key|(?:aws_)?(?:access|session|sas)_?token"
    r"|connection_?string))(:\s{0,2})(?!(?:str|bytes|int|bool|Any|None|Optional|SecretStr)\b)"
    rf"({_QUOTE}|[^\s,;'\")}}\]]{{1,5000}})"
)
_IN_SQL = (
    rf"(?i:(?<![\w.-])(password|passwd|pwd|secret(?: key)?|identified by))([`\"]?\s+)({_QUOTE})"
)
_PEM = r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)()((?:(?!-----).){1,20000})"
_MAY_BE_TOLD = r"(?i:cookie|authorization|bearer|x-|passw|pwd|secret|identified by|PRIVATE KEY)"


def is_secret(name: str) -> bool:
    """Whether what stands under a name is never shown.

    >>> is_secret("account_key"), is_secret("kafka.sasl.jaas.config"), is_secret("sslPassword")
    (True, True, True)
    >>> is_secret("primary_key"), is_secret("account"), is_secret("sort_keys")
    (False, False, False)
    """
    words = _words(name)
    if _is_certain(name) or "".join(words) in _SECRET_NAMES:
        return True
    if "key" not in words:
        return False
    at = words.index("key")
    after = words[at + 1 : at + 2]
    return not _NAMES_COLUMNS.issuperset(after or ("",)) and (
        at == 0 or words[at - 1] not in _OF_TABLES
    )


def _is_certain(name: str) -> bool:
    words = _words(name)
    return not _SECRET_WORDS.isdisjoint(words) or bool(re.search(_OF_SECRETS, "".join(words)))


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


def is_secret_column(name: str) -> bool:
    """Whether values of a column are never shown; a key is none, as those of tables are its values.

    >>> is_secret_column("api_key"), is_secret_column("customer_key"), is_secret_column("key")
    (True, False, False)
    """
    return _is_certain(name)


def redacted(value: Any, *, names_credentials: bool = False) -> Any:
    """Return configuration, or what a data set tells of itself, with its secrets hidden.

    Args:
        value: Of any depth.
        names_credentials: It names credentials, as a catalog's YAML does: the name is shown.

    >>> redacted({"credentials": {"user": "x"}, "load_args": {"password": "x", "sep": ";"}})
    {'credentials': {'user': '***'}, 'load_args': {'password': '***', 'sep': ';'}}
    >>> redacted({"con": "postgresql://me:x@host/db"})
    {'con': 'postgresql://***@host/db'}
    >>> redacted({"credentials": "store"}, names_credentials=True)
    {'credentials': 'store'}
    >>> redacted({"dtype": {"account_key": "str"}, "metadata": {"customer_key": "id"}})
    {'dtype': {'account_key': 'str'}, 'metadata': {'customer_key': 'id'}}
    """
    return _hidden(value, is_secret, names_credentials)


def redacted_entries(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return entries of a catalog with their secrets hidden; their names are none.

    >>> redacted_entries({"tokens": {"type": "pandas.HDFDataSet", "key": "t", "credentials": "c"}})
    {'tokens': {'type': 'pandas.HDFDataSet', 'key': 't', 'credentials': 'c'}}
    """
    return {name: _entry(entry) for name, entry in entries.items()}


def _entry(entry: Any) -> Any:
    shown = redacted(entry, names_credentials=True)
    # Of an entry itself it names a table in a file.
    if isinstance(entry, Mapping) and isinstance(entry.get("key"), str):
        shown["key"] = redacted_text(entry["key"])
    return shown


def redacted_text(text: str) -> str:
    r"""Return an address, or a message that may hold one, with its secrets hidden.

    >>> redacted_text("ftp://me:se/cr@t@host/a.csv"), redacted_text("container@account/a.csv")
    ('ftp://***@host/a.csv', 'container@account/a.csv')
    >>> redacted_text("https://store/a.csv?sv=2024&sig=abc%3D&se=2026")
    'https://store/a.csv?sv=2024&sig=***&se=2026'
    >>> redacted_text("jdbc:sqlserver://db;user=me;password=secret;encrypt=true")
    'jdbc:sqlserver://db;user=***;password=***;encrypt=true'
    >>> redacted_text("jdbc:oracle:thin:scott/tiger@//db:1521/shop")
    'jdbc:oracle:thin:***@//db:1521/shop'
    """
    if re.search(_MAY_BE_TOLD, text):
        for told in (_COOKIE, _HEADER, _BEARER, _IN_SQL):
            text = re.sub(told, _of_told, text)
        text = re.sub(_PEM, _of_told, text, flags=re.DOTALL)
    if "@" in text:
        text = re.sub(_USER, f"{HIDDEN}@", text)
        text = re.sub(_AS_USER, HIDDEN, text)
        if "oracle:" in text:
            text = re.sub(_ORACLE, HIDDEN, text)
    if "=" in text:
        in_address = _IN_JDBC if text.startswith("jdbc:") else _IN_ADDRESS
        text = re.sub(in_address, _of_address, re.sub(_ASSIGNED, _of_assigned, text))
    if ":" in text:
        text = re.sub(_TOLD, _of_told, re.sub(_QUOTED, _of_quoted, text))
    if '"' in text or "'" in text:
        for pattern in _IN_CODE:
            text = re.sub(pattern, _of_quoted, text)
    return text


def secrets_in(address: str) -> set[str]:
    """Return the users and passwords, tokens and signatures that an address holds.

    >>> sorted(secrets_in("jdbc:mysql://h/db?user=me&password=a%40b"))
    ['a%40b', 'a@b', 'me']
    """
    from urllib.parse import unquote, unquote_plus

    found = {part for match in re.finditer(_USER, address) for part in match[0][:-1].split(":", 1)}
    found |= {match[0] for match in re.finditer(_AS_USER, address)}
    if "oracle:" in address:
        found |= {
            part for match in re.finditer(_ORACLE, address) for part in match[0].split("/", 1)
        }
    in_address = _IN_JDBC if address.startswith("jdbc:") else _IN_ADDRESS
    hidden = [match for match in re.finditer(in_address, address) if _hides(match[1])]
    found |= {match[3].strip("{}'\"") for match in hidden}
    for match in hidden:
        if match[1].lower() == "odbc_connect":
            found |= secrets_in(f";{unquote_plus(match[3])}")
    return {form for one in found for form in (one, unquote(one)) if form}


def secret_credentials(credentials: Any) -> set[str]:
    """Return what is secret in the credentials of a data set, to be looked for in other texts.

    Names of users, hosts and regions are not: messages that do not tell them are of no use.

    >>> sorted(secret_credentials({"tokens": ["a1b2", "c3d4"], "region": "eu-west-1"}))
    ['a1b2', 'c3d4']
    >>> sorted(secret_credentials(["hunter", "hunter2"]))
    ['hunter', 'hunter2']
    """
    if isinstance(credentials, (list, tuple)):  # a user and a password, as for requests
        return secret_values(credentials, is_secret_itself=True)
    if not isinstance(credentials, Mapping):
        return secret_values(credentials)
    found: set[str] = set()
    for key, value in credentials.items():
        name = str(key)
        if name.lower() in _OF_CREDENTIALS or is_secret(name) or is_secret(name.rstrip("sS")):
            found |= secret_values(value, is_secret_itself=True)
        elif isinstance(value, Mapping):
            found |= secret_credentials(value)
        else:
            found |= secret_values(value)
    return found


def secret_values(value: Any, *, is_secret_itself: bool = False) -> set[str]:
    """Return the secrets in configuration, to be looked for in other texts.

    What is shorter than four characters is left out: it would stand in any text.

    Args:
        value: Of any depth.
        is_secret_itself: All of it is, as credentials are.

    >>> sorted(secret_values({"api": {"token": "a1b2", "url": "ftp://me:hunter2@host"}, "n": 1234}))
    ['a1b2', 'hunter2']
    """
    if isinstance(value, Mapping):
        parts = [
            secret_values(one, is_secret_itself=is_secret_itself or is_secret(str(key)))
            for key, one in value.items()
        ]
        return set().union(*parts)
    if isinstance(value, (list, tuple, set, frozenset)):
        return set().union(*(secret_values(v, is_secret_itself=is_secret_itself) for v in value))
    if value is None or isinstance(value, bool):
        return set()
    found = {str(value)} if is_secret_itself else set()
    if isinstance(value, str):
        found |= secrets_in(value)
    return {one for one in found if len(one) >= _LEAST_LENGTH}


def without(secrets: Iterable[str], text: str) -> str:
    """Return a text without values that are known to be secret, wherever they stand as words.

    >>> without(["hunter2"], "wrong password hunter2")
    'wrong password ***'
    """
    for secret in sorted({*secrets} - {""}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
    return text


def _of_assigned(match: re.Match[str]) -> str:
    name, equals, value = match.groups()
    return f"{name}{equals}{HIDDEN}" if value and _is_certain(name) else match[0]


def _of_address(match: re.Match[str]) -> str:
    name, equals, value = match.groups()
    return f"{name}{equals}{HIDDEN}" if value and _hides(name) else match[0]


def _hides(name: str) -> bool:
    return name.lower() in _OF_ADDRESSES or is_secret(name)


def _of_quoted(match: re.Match[str]) -> str:
    name, colon, value = match.groups()
    return f"{name}{colon}{value[0]}{HIDDEN}{value[0]}" if _is_certain(name) else match[0]


def _of_told(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}{HIDDEN}"


def _hidden(value: Any, hides: Callable[[str], bool], names_credentials: bool) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _of_key(str(key), item, hides, names_credentials) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        items = [_hidden(item, hides, names_credentials) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return redacted_text(value) if isinstance(value, str) else value


def _of_key(key: str, value: Any, hides: Callable[[str], bool], names_credentials: bool) -> Any:
    if names_credentials and key == "credentials" and isinstance(value, str):
        return value
    if value is not None and hides(key):
        return dict.fromkeys(value, HIDDEN) if isinstance(value, Mapping) else HIDDEN
    if key.lower() in _BY_COLUMN:
        return _hidden(value, lambda name: False, names_credentials)
    return _hidden(value, _is_certain if key in _FREE else hides, names_credentials)
