"""TPC-H: cleaning of its tables, and its 22 queries over what is clean.

Source: the TPC-H specification, with the parameters of its validation run. Every result is in full
order, by further columns where the specification leaves ties: two runs compare row for row. Needs
pyspark only, for an environment without sparkpipe does the same work.
"""

from __future__ import annotations

from collections.abc import Callable
from string import Formatter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEYS = {
    "region": ["r_regionkey"],
    "nation": ["n_nationkey"],
    "supplier": ["s_suppkey"],
    "customer": ["c_custkey"],
    "part": ["p_partkey"],
    "partsupp": ["ps_partkey", "ps_suppkey"],
    "orders": ["o_orderkey"],
    "lineitem": ["l_orderkey", "l_linenumber"],
}

#: For each table the clean ones that its rows refer to, and how.
REFERENCES = {
    "region": {},
    "nation": {},
    "supplier": {},
    "customer": {},
    "part": {},
    "partsupp": {},
    "orders": {"customer": "o_custkey = c_custkey"},
    "lineitem": {"orders": "l_orderkey = o_orderkey"},
}


def cleaning(table: str) -> Callable[..., DataFrame]:
    """Return a function of a raw table and the clean ones that it refers to.

    It trims texts, keeps one row a key, and drops the rows that refer to none.
    """

    def clean(raw: DataFrame, *referred: DataFrame) -> DataFrame:
        from pyspark.sql import functions as F

        texts = {name for name, kind in raw.dtypes if kind == "string"}
        frame = raw.select([F.trim(c).alias(c) if c in texts else F.col(c) for c in raw.columns])
        if table == "lineitem":
            frame = frame.withColumn("l_net", F.expr("l_extendedprice * (1 - l_discount)"))
        frame = frame.dropDuplicates(KEYS[table])
        for other, how in zip(referred, REFERENCES[table].values(), strict=True):
            frame = frame.join(other, F.expr(how), "left_semi")
        return frame

    return clean


def tables_of(query: str) -> list[str]:
    """Return the names of the tables that a query reads."""
    return list(dict.fromkeys(field for _, field, _, _ in Formatter().parse(query) if field))


def as_text(query: str) -> str:
    """Return a query with the names of its tables."""
    return query.format_map({table: table for table in tables_of(query)})


def asking(query: str) -> Callable[..., DataFrame]:
    """Return a function of the frames of :func:`tables_of` that gives the result of the query.

    It names the frames by views that stay: with ``spark.sql(query, orders=orders)`` the first query
    would drop what is persisted.
    """
    tables = tables_of(query)
    text = as_text(query)

    def ask(*frames: DataFrame) -> DataFrame:
        for table, frame in zip(tables, frames, strict=True):
            frame.createOrReplaceTempView(table)
        return frames[0].sparkSession.sql(text)

    return ask


def queries(scale: float) -> dict[str, str]:
    """Return the queries by name; one of them has a threshold that goes with the scale."""
    return {name: text.replace(":scale", repr(scale)) for name, text in QUERIES.items()}


QUERIES = {
    "q01": """
SELECT l_returnflag, l_linestatus, sum(l_quantity) AS quantity, sum(l_extendedprice) AS base_price,
  sum(l_net) AS net_price, sum(l_net * (1 + l_tax)) AS charge, avg(l_quantity) AS mean_quantity,
  avg(l_extendedprice) AS mean_price, avg(l_discount) AS mean_discount, count(*) AS items
FROM {lineitem} WHERE l_shipdate <= date_sub(DATE '1998-12-01', 90)
GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus""",
    "q02": """
WITH offers AS (
  SELECT * FROM {partsupp} JOIN {supplier} ON ps_suppkey = s_suppkey
  JOIN {nation} ON s_nationkey = n_nationkey JOIN {region} ON n_regionkey = r_regionkey
  WHERE r_name = 'EUROPE'
), cheapest AS (SELECT ps_partkey AS partkey, min(ps_supplycost) AS cost FROM offers GROUP BY 1)
SELECT s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment
FROM {part} JOIN cheapest ON p_partkey = partkey
JOIN offers ON ps_partkey = partkey AND ps_supplycost = cost
WHERE p_size = 15 AND p_type LIKE '%BRASS'
ORDER BY s_acctbal DESC, n_name, s_name, p_partkey LIMIT 100""",
    "q03": """
SELECT l_orderkey, sum(l_net) AS revenue, o_orderdate, o_shippriority
FROM {customer} JOIN {orders} ON c_custkey = o_custkey JOIN {lineitem} ON l_orderkey = o_orderkey
WHERE c_mktsegment = 'BUILDING'
  AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15'
GROUP BY l_orderkey, o_orderdate, o_shippriority
ORDER BY revenue DESC, o_orderdate, l_orderkey LIMIT 10""",
    "q04": """
SELECT o_orderpriority, count(*) AS orders FROM {orders}
LEFT SEMI JOIN {lineitem} ON l_orderkey = o_orderkey AND l_commitdate < l_receiptdate
WHERE o_orderdate >= DATE '1993-07-01' AND o_orderdate < DATE '1993-10-01'
GROUP BY o_orderpriority ORDER BY o_orderpriority""",
    "q05": """
SELECT n_name, sum(l_net) AS revenue
FROM {region} JOIN {nation} ON n_regionkey = r_regionkey
JOIN {customer} ON c_nationkey = n_nationkey JOIN {orders} ON o_custkey = c_custkey
JOIN {lineitem} ON l_orderkey = o_orderkey
JOIN {supplier} ON s_suppkey = l_suppkey AND s_nationkey = c_nationkey
WHERE r_name = 'ASIA' AND o_orderdate >= DATE '1994-01-01' AND o_orderdate < DATE '1995-01-01'
GROUP BY n_name ORDER BY revenue DESC, n_name""",
    "q06": """
SELECT sum(l_extendedprice * l_discount) AS revenue FROM {lineitem}
WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01'
  AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24""",
    "q07": """
SELECT sellers.n_name AS seller, buyers.n_name AS buyer, year(l_shipdate) AS in_year,
  sum(l_net) AS revenue
FROM {lineitem} JOIN {supplier} ON s_suppkey = l_suppkey JOIN {orders} ON o_orderkey = l_orderkey
JOIN {customer} ON c_custkey = o_custkey
JOIN {nation} AS sellers ON sellers.n_nationkey = s_nationkey
JOIN {nation} AS buyers ON buyers.n_nationkey = c_nationkey
WHERE l_shipdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31' AND
  (sellers.n_name, buyers.n_name) IN (('FRANCE', 'GERMANY'), ('GERMANY', 'FRANCE'))
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    "q08": """
SELECT year(o_orderdate) AS in_year,
  sum(CASE WHEN sellers.n_name = 'BRAZIL' THEN l_net ELSE 0 END) / sum(l_net) AS share
FROM {part} JOIN {lineitem} ON l_partkey = p_partkey JOIN {supplier} ON s_suppkey = l_suppkey
JOIN {orders} ON o_orderkey = l_orderkey JOIN {customer} ON c_custkey = o_custkey
JOIN {nation} AS buyers ON buyers.n_nationkey = c_nationkey
JOIN {region} ON r_regionkey = buyers.n_regionkey
JOIN {nation} AS sellers ON sellers.n_nationkey = s_nationkey
WHERE r_name = 'AMERICA' AND p_type = 'ECONOMY ANODIZED STEEL'
  AND o_orderdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31'
GROUP BY 1 ORDER BY 1""",
    "q09": """
SELECT n_name, year(o_orderdate) AS in_year, sum(l_net - ps_supplycost * l_quantity) AS profit
FROM {lineitem} JOIN {part} ON p_partkey = l_partkey JOIN {supplier} ON s_suppkey = l_suppkey
JOIN {partsupp} ON ps_partkey = l_partkey AND ps_suppkey = l_suppkey
JOIN {orders} ON o_orderkey = l_orderkey JOIN {nation} ON n_nationkey = s_nationkey
WHERE p_name LIKE '%green%' GROUP BY 1, 2 ORDER BY 1, 2 DESC""",
    "q10": """
SELECT c_custkey, c_name, sum(l_net) AS revenue, c_acctbal, n_name, c_address, c_phone, c_comment
FROM {customer} JOIN {orders} ON o_custkey = c_custkey JOIN {lineitem} ON l_orderkey = o_orderkey
JOIN {nation} ON n_nationkey = c_nationkey
WHERE o_orderdate >= DATE '1993-10-01' AND o_orderdate < DATE '1994-01-01' AND l_returnflag = 'R'
GROUP BY c_custkey, c_name, c_acctbal, n_name, c_address, c_phone, c_comment
ORDER BY revenue DESC, c_custkey LIMIT 20""",
    "q11": """
WITH stock AS (
  SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value
  FROM {partsupp} JOIN {supplier} ON s_suppkey = ps_suppkey
  JOIN {nation} ON n_nationkey = s_nationkey WHERE n_name = 'GERMANY' GROUP BY ps_partkey
)
SELECT * FROM stock WHERE value > (SELECT sum(value) * 0.0001 / :scale FROM stock)
ORDER BY value DESC, ps_partkey""",
    "q12": """
SELECT l_shipmode, count_if(o_orderpriority IN ('1-URGENT', '2-HIGH')) AS urgent,
  count_if(o_orderpriority NOT IN ('1-URGENT', '2-HIGH')) AS other
FROM {orders} JOIN {lineitem} ON l_orderkey = o_orderkey
WHERE l_shipmode IN ('MAIL', 'SHIP') AND l_commitdate < l_receiptdate
  AND l_shipdate < l_commitdate
  AND l_receiptdate >= DATE '1994-01-01' AND l_receiptdate < DATE '1995-01-01'
GROUP BY l_shipmode ORDER BY l_shipmode""",
    "q13": """
SELECT orders, count(*) AS customers FROM (
  SELECT c_custkey, count(o_orderkey) AS orders FROM {customer}
  LEFT JOIN {orders} ON o_custkey = c_custkey AND o_comment NOT LIKE '%special%requests%'
  GROUP BY c_custkey
) GROUP BY orders ORDER BY customers DESC, orders DESC""",
    "q14": """
SELECT 100 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_net ELSE 0 END) / sum(l_net) AS promotion
FROM {lineitem} JOIN {part} ON p_partkey = l_partkey
WHERE l_shipdate >= DATE '1995-09-01' AND l_shipdate < DATE '1995-10-01'""",
    "q15": """
WITH income AS (
  SELECT l_suppkey, sum(l_net) AS revenue FROM {lineitem}
  WHERE l_shipdate >= DATE '1996-01-01' AND l_shipdate < DATE '1996-04-01' GROUP BY l_suppkey
)
SELECT s_suppkey, s_name, s_address, s_phone, revenue
FROM {supplier} JOIN income ON l_suppkey = s_suppkey
WHERE revenue = (SELECT max(revenue) FROM income) ORDER BY s_suppkey""",
    "q16": """
SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) AS suppliers
FROM {partsupp} JOIN {part} ON p_partkey = ps_partkey
LEFT ANTI JOIN {supplier} ON s_suppkey = ps_suppkey AND s_comment LIKE '%Customer%Complaints%'
WHERE p_brand <> 'Brand#45' AND p_type NOT LIKE 'MEDIUM POLISHED%'
  AND p_size IN (49, 14, 23, 45, 19, 3, 36, 9)
GROUP BY p_brand, p_type, p_size ORDER BY suppliers DESC, p_brand, p_type, p_size""",
    "q17": """
WITH usual AS (SELECT l_partkey AS partkey, 0.2 * avg(l_quantity) AS low FROM {lineitem} GROUP BY 1)
SELECT sum(l_extendedprice) / 7.0 AS yearly
FROM {lineitem} JOIN {part} ON p_partkey = l_partkey JOIN usual ON partkey = l_partkey
WHERE p_brand = 'Brand#23' AND p_container = 'MED BOX' AND l_quantity < low""",
    "q18": """
WITH large AS (
  SELECT l_orderkey AS orderkey, sum(l_quantity) AS quantity FROM {lineitem}
  GROUP BY 1 HAVING sum(l_quantity) > 300
)
SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, quantity
FROM large JOIN {orders} ON o_orderkey = orderkey JOIN {customer} ON c_custkey = o_custkey
ORDER BY o_totalprice DESC, o_orderdate, o_orderkey LIMIT 100""",
    "q19": """
SELECT sum(l_net) AS revenue FROM {lineitem} JOIN {part} ON p_partkey = l_partkey
WHERE l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON' AND (
  (p_brand = 'Brand#12' AND p_container IN ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG')
    AND l_quantity BETWEEN 1 AND 11 AND p_size BETWEEN 1 AND 5)
  OR (p_brand = 'Brand#23' AND p_container IN ('MED BAG', 'MED BOX', 'MED PKG', 'MED PACK')
    AND l_quantity BETWEEN 10 AND 20 AND p_size BETWEEN 1 AND 10)
  OR (p_brand = 'Brand#34' AND p_container IN ('LG CASE', 'LG BOX', 'LG PACK', 'LG PKG')
    AND l_quantity BETWEEN 20 AND 30 AND p_size BETWEEN 1 AND 15))""",
    "q20": """
WITH sold AS (
  SELECT l_partkey, l_suppkey, 0.5 * sum(l_quantity) AS half FROM {lineitem}
  WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01' GROUP BY 1, 2
), plenty AS (
  SELECT ps_suppkey FROM {partsupp}
  JOIN sold ON l_partkey = ps_partkey AND l_suppkey = ps_suppkey AND ps_availqty > half
  LEFT SEMI JOIN {part} ON p_partkey = ps_partkey AND p_name LIKE 'forest%'
)
SELECT s_name, s_address FROM {supplier} JOIN {nation} ON n_nationkey = s_nationkey
LEFT SEMI JOIN plenty ON ps_suppkey = s_suppkey WHERE n_name = 'CANADA' ORDER BY s_name""",
    "q21": """
SELECT s_name, count(*) AS waited FROM {lineitem} AS late
JOIN {supplier} ON s_suppkey = late.l_suppkey JOIN {nation} ON n_nationkey = s_nationkey
JOIN {orders} ON o_orderkey = late.l_orderkey
LEFT SEMI JOIN {lineitem} AS beside
  ON beside.l_orderkey = late.l_orderkey AND beside.l_suppkey <> late.l_suppkey
LEFT ANTI JOIN {lineitem} AS guilty ON guilty.l_orderkey = late.l_orderkey
  AND guilty.l_suppkey <> late.l_suppkey AND guilty.l_receiptdate > guilty.l_commitdate
WHERE o_orderstatus = 'F' AND late.l_receiptdate > late.l_commitdate AND n_name = 'SAUDI ARABIA'
GROUP BY s_name ORDER BY waited DESC, s_name LIMIT 100""",
    "q22": """
WITH chosen AS (
  SELECT *, substring(c_phone, 1, 2) AS code FROM {customer}
  WHERE substring(c_phone, 1, 2) IN ('13', '31', '23', '29', '30', '18', '17')
)
SELECT code, count(*) AS customers, sum(c_acctbal) AS balance
FROM chosen LEFT ANTI JOIN {orders} ON o_custkey = c_custkey
WHERE c_acctbal > (SELECT avg(c_acctbal) FROM chosen WHERE c_acctbal > 0)
GROUP BY code ORDER BY code""",
}
