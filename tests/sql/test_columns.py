"""Unknown columns, columns of results, and what these are made of."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlglot")

from sparkpipe.sql import read_query
from sparkpipe.sql.columns import find_unknown_columns, result_columns

SCHEMAS = {"trips": ("id", "fare", "code", "day"), "airlines": ("code", "name")}


def _told(text: str) -> list[str]:
    query, problems = read_query(text, "x", "x.sql")
    assert not problems
    return find_unknown_columns(query, SCHEMAS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "select\n  t.fares from trips t",
            "x.sql:2:5: 'trips' has no column 'fares'. Did you mean 'fare'?",
        ),
        (
            "select nam from trips join airlines using (code)",
            "x.sql:1:8: none of 'trips', 'airlines' has a column 'nam'. Did you mean 'name'?",
        ),
        (
            "with c as (select fare, day from trips) select cod from c",
            "x.sql:1:48: 'c' has no column 'cod'. Columns: fare, day.",
        ),
        (
            "with c(a, b) as (select fare, day from trips) select c.d from c",
            "x.sql:1:56: 'c' has no column 'd'. Columns: a, b.",
        ),
        (
            "create temp view v (a) as select fare from trips; select b from v",
            "x.sql:1:58: 'v' has no column 'b'. Columns: a.",
        ),
        (
            "select 1 from trips t where exists (select 1 from airlines a where a.code = t.cod)",
            "x.sql:1:79: 'trips' has no column 'cod'. Did you mean 'code'?",
        ),
        (
            "select code from trips union all select cod from airlines",
            "x.sql:1:41: 'airlines' has no column 'cod'. Did you mean 'code'?",
        ),
        (
            "select count(*) from trips group by dy",
            "x.sql:1:37: 'trips' has no column 'dy'. Did you mean 'day'?",
        ),
        (
            "select code, sum(fare) as s from trips group by code\nhaving s > 1 and sum(fares) > 1",
            "x.sql:2:22: 'trips' has no column 'fares'. Did you mean 'fare'?",
        ),
        (
            "select name from trips join airlines using (cod)",
            "x.sql:1:45: 'trips' has no column 'cod'. Did you mean 'code'?",
        ),
        (
            "select name from trips t join airlines a using (fare)",
            "x.sql:1:49: 'airlines' has no column 'fare'. Columns: code, name.",
        ),
        (
            "select * except (id, fares) from trips",
            "x.sql:1:22: 'trips' has no column 'fares'. Did you mean 'fare'?",
        ),
        (
            "select t.* except (name) from trips t join airlines a on a.code = t.code",
            "x.sql:1:20: 'trips' has no column 'name'. Columns: id, fare, code, day.",
        ),
        (
            "with c as (select * except (day) from trips) select day from c",
            "x.sql:1:53: 'c' has no column 'day'. Columns: id, fare, code.",
        ),
        (
            "select code from trips union select name from airlines order by cod",
            "x.sql:1:65: the result has no column 'cod'. Did you mean 'code'?",
        ),
        (
            "select id from trips where exists (select 1 from airlines where nam = 'x')",
            "x.sql:1:65: 'airlines' has no column 'nam'. Did you mean 'name'?",
        ),
        (
            "select s.x from (select fare from trips) s",
            "x.sql:1:10: 's' has no column 'x'. Columns: fare.",
        ),
    ],
)
def test_an_unknown_column_is_told_with_its_place(text: str, told: str) -> None:
    assert _told(text) == [told]


@pytest.mark.parametrize(
    "text",
    [
        "select FARE as f, f * 2 as g, Trips.Id from trips where fare > 1 order by f",
        "select x, o.y, fare from other o join trips using (id)",
        "select z from trips lateral view explode(fare) e as z",
        "select transform(fare, x -> x + 1), fare.a.b from trips",
        "select * from trips pivot (sum(fare) for code in ('a', 'b'))",
        "select name from trips t, lateral (select a.name from airlines a where a.code = t.code)",
        "select fare from trips left semi join airlines on airlines.code = trips.code",
        "select sum(fare) over w from trips window w as (partition by code)",
        "select extract(year from day), date_trunc(month, day), datediff(hour, day, day)"
        " from trips",
        "select a from values (1) as w(a)",
        "select _change_type, _metadata.file_path from trips",
        "select id from trips where fare > (select avg(fare) from trips u where u.code = trips.id)",
        "from trips |> where fare > 1 |> select fare",
        "select t.id as n from trips t union select 1 order by n",
        "select id from trips qualify row_number() over (order by fare) = 1",
        "select id from trips where code in (select code from airlines where name = 'x')",
        "select id from trips where exists (select name from airlines having max(name) > 'x')",
        "select code as c, sum(fare) from trips group by c having c > 'a' and `sum(fare)` > 1",
        "select t.id from trips t join airlines using (code) join other using (code, name)",
        "select code from trips group by code having max(id) > (select max(x) from other)",
        "select x.* except (day), * except (t.day) from trips x join trips t on t.id = x.id",
        "select * except (s.a) from trips",
        "select code as c from trips union select name from airlines order by c, lower(c)",
    ],
)
def test_what_is_there_or_not_known_is_not_told(text: str) -> None:
    assert _told(text) == []


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("select *, fare * 2 as dear from trips", ("id", "fare", "code", "day", "dear")),
        (
            "select a.*, t.id from trips t join airlines a on a.code = t.code",
            ("code", "name", "id"),
        ),
        ("with c as (select code from trips) select * from c", ("code",)),
        ("select count(*) from trips", None),
        ("select * from other", None),
        ("select * except (day, Fare) from trips", ("id", "code")),
        ("select * from trips join airlines using (code)", None),
    ],
)
def test_columns_of_a_result(text: str, columns: tuple[str, ...] | None) -> None:
    query, _ = read_query(text, "x")
    assert result_columns(query, SCHEMAS) == columns


def test_columns_are_traced_through_views_and_unions() -> None:
    text = """
        create temporary view v (who, paid) as select code, fare * 2 from trips;
        with c as (select who, sum(paid) as paid from v group by who)
        select name, paid + 1 as paid, :word as word from c join airlines on who = airlines.code
        union all select name, 0, '' from airlines
    """
    query, _ = read_query(text, "x")
    assert query.column_lineage(SCHEMAS) == {
        "name": (("airlines", "name"),),
        "paid": (("trips", "fare"),),
        "word": (),
    }
    assert read_query("select * from t", "x")[0].column_lineage() == {"*": (("t", "*"),)}
