"""What PySpark code calls everywhere is answered for the run that it works for.

``SparkSession.builder.getOrCreate()``, ``SparkSession.getActiveSession()`` and
``SparkContext.getOrCreate()`` know nothing of a run: they start a Spark of their own, without the
project's settings, or find none in a thread. And a thread that a node starts, or a pool that it
asks, has nothing of what its node carries. Here these few functions are put in front of pyspark's
own, once for a process; outside of runs they do what pyspark does.
"""

from __future__ import annotations

import functools
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from typing import Any

from sparkpipe.spark.active import is_connect
from sparkpipe.spark.jobs.run import adopt, current_jobs, current_run
from sparkpipe.spark.jobs.scope import is_in_function
from sparkpipe.spark.jobs.views import Statement, View, with_own_views

# Where the classes lie whose methods are replaced. Some are imported by the first frame only.
_MODULES = (
    *("concurrent.futures.thread", "multiprocessing.pool"),
    *("pyspark.sql.session", "pyspark.sql.connect.session", "pyspark.sql.dataframe"),
    *("pyspark.sql.classic.dataframe", "pyspark.sql.connect.dataframe"),
    *("pyspark.sql.readwriter", "pyspark.sql.connect.readwriter"),
    *("pyspark.sql.udf", "pyspark.sql.connect.udf"),
    *("pyspark.sql.catalog", "pyspark.sql.connect.catalog"),
    *("delta.tables", "delta.connect.tables"),
)
_DONE = "_sparkpipe_original"

# What a node may write by itself, so that its run reads another version afterwards.
_WRITERS: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {
    ("pyspark.sql.readwriter", "pyspark.sql.connect.readwriter"): {
        "DataFrameWriter": ("save", "saveAsTable", "insertInto"),
        "DataFrameWriterV2": (
            *("create", "replace", "createOrReplace"),
            *("append", "overwrite", "overwritePartitions"),
        ),
    },
    ("delta.tables", "delta.connect.tables"): {
        "DeltaTable": ("delete", "update", "restoreToVersion", "restoreToTimestamp"),
        "DeltaMergeBuilder": ("execute",),
        "DeltaTableBuilder": ("execute",),
    },
}
_WRITES = re.compile(
    r"(?:\s|--[^\n]*\n)*(MERGE|INSERT|UPDATE|DELETE|CREATE|REPLACE|ALTER|RESTORE|TRUNCATE|COPY|DROP)\b",
    re.IGNORECASE,
)

# Whoever looks for the session of a run must not be sent to it.
_is_itself: ContextVar[bool] = ContextVar("_is_itself", default=False)


@contextmanager
def answering_itself() -> Iterator[None]:
    """Within it, pyspark answers as if there were no run."""
    token = _is_itself.set(True)
    try:
        yield
    finally:
        _is_itself.reset(token)


def answer_for_runs() -> None:
    """See to it that pyspark, also what of it is imported later, and threads know of the run."""
    _replace(threading.Thread, "start", _start_for_node)
    if not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())
    _answer()


class _AfterImport(MetaPathFinder):
    """Waits for imports of the modules of which methods are replaced."""

    def __init__(self) -> None:
        self._looked_for: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in _MODULES or name in self._looked_for:
            return None
        self._looked_for.add(name)  # the others are asked, and not this one again
        try:
            spec = find_spec(name)
        finally:
            self._looked_for.discard(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_answer(module: Any) -> None:
            execute(module)
            _answer()

        spec.loader.exec_module = execute_and_answer  # type: ignore[method-assign]
        return spec


def _answer() -> None:
    pool = getattr(sys.modules.get("concurrent.futures.thread"), "ThreadPoolExecutor", None)
    if pool is not None:
        _replace(pool, "submit", _submit_for_node)
    other_pool = getattr(sys.modules.get("multiprocessing.pool"), "Pool", None)
    if other_pool is not None:
        for method in ("apply_async", "_map_async", "imap", "imap_unordered"):
            _replace(other_pool, method, _ask_for_node, first="func")
    session = getattr(sys.modules.get("pyspark.sql.session"), "SparkSession", None)
    if session is None:  # not imported, or another thread is importing it
        return
    _replace(session.Builder, "getOrCreate", _get_or_create)
    for method in ("getActiveSession", "active"):
        _replace(session, method, _get_active, is_of_class=True)
    context = getattr(sys.modules.get("pyspark"), "SparkContext", None)
    if context is not None:
        _replace(context, "getOrCreate", _get_context, is_of_class=True)
    for name in ("pyspark.sql.session", "pyspark.sql.connect.session"):
        found = getattr(sys.modules.get(name), "SparkSession", None)
        if found is not None:
            _replace(found, "sql", _sql, first="sqlQuery")
            _replace(found, "table", _table, first="tableName")
    for name in ("pyspark.sql.readwriter", "pyspark.sql.connect.readwriter"):
        reader = getattr(sys.modules.get(name), "DataFrameReader", None)
        if reader is not None:
            _replace(reader, "table", _table, first="tableName")
    for where in ("sql", "sql.connect"):
        functions = getattr(sys.modules.get(f"pyspark.{where}.udf"), "UDFRegistration", None)
        if functions is not None:
            for method in ("register", "registerJavaFunction", "registerJavaUDAF"):
                _replace(functions, method, _register, first="name")
        catalog = getattr(sys.modules.get(f"pyspark.{where}.catalog"), "Catalog", None)
        if catalog is not None:
            _replace(catalog, "setCurrentDatabase", _choose_database, first="dbName")
            _replace(catalog, "setCurrentCatalog", _choose_database, first="catalogName")
    for name in ("sql.classic.dataframe", "sql.connect.dataframe", "sql.dataframe"):
        frame = getattr(sys.modules.get(f"pyspark.{name}"), "DataFrame", None)
        if frame is not None:
            for method in ("createOrReplaceTempView", "createTempView", "registerTempTable"):
                _replace(frame, method, _make_view, first="name")
            for method in ("createOrReplaceGlobalTempView", "createGlobalTempView"):
                _replace(frame, method, _make_global_view, first="name")
    for modules, classes in _WRITERS.items():
        for module in modules:
            for name, methods in classes.items():
                writer = getattr(sys.modules.get(module), name, None)
                for method in methods if writer is not None else ():
                    _replace(writer, method, _write)


def _replace(
    owner: Any, name: str, by: Callable[..., Any], is_of_class: bool = False, first: str = ""
) -> None:
    """Put a function in front of a method; it is given the method first.

    Args:
        owner: The class.
        name: The method.
        by: The function.
        is_of_class: Whether it is a class method.
        first: What the method calls its first argument, if it has one that may be given by name.
    """
    present = owner.__dict__.get(name)
    if present is None or hasattr(getattr(owner, name), _DONE):
        return
    original = getattr(owner, name)

    @functools.wraps(original)
    def replaced(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if first in kwargs and not args:
            args = (kwargs.pop(first),)
        bound = original if is_of_class else functools.partial(original, self)
        return by(bound, self, *args, **kwargs)

    setattr(replaced, _DONE, original)
    setattr(owner, name, classmethod(replaced) if is_of_class else replaced)


def _provider() -> Any:
    """Return what gives the session of the run that is being worked for; None outside of runs."""
    run = current_run()
    if run is None or run.is_over or _is_itself.get():
        return None
    from sparkpipe.spark.session import current_provider

    return current_provider()


def _get_or_create(original: Callable[[], Any], builder: Any) -> Any:
    if _provider() is None:
        return original()
    from sparkpipe.spark.session import get_spark

    session = get_spark()
    options = {
        key: value
        for key, value in getattr(builder, "_options", {}).items()
        if key not in ("spark.remote", "spark.master", "spark.app.name", "spark.api.mode")
    }
    for key, value in options.items():
        with suppress(Exception):  # one for the start of Spark, which pyspark passes over too
            session.conf.set(key, value)
    return session


def _get_active(original: Callable[[], Any], kind: Any) -> Any:
    provider = _provider()
    if provider is None:
        return original()
    with answering_itself():
        session = provider.peek()
        if session is None or (is_connect(session) and _is_asked_by_classic_pyspark()):
            return original()
        return session


def _is_asked_by_classic_pyspark() -> bool:
    """Whether pyspark itself asks, in a process whose own sessions are classic: for its JVM."""
    from pyspark.sql.utils import is_remote

    asking = sys._getframe(3).f_globals.get("__name__", "")
    return asking.startswith("pyspark.") and not is_remote()


def _get_context(original: Callable[..., Any], kind: Any, conf: Any = None) -> Any:
    if _provider() is not None:
        from sparkpipe.spark.session import get_spark

        session = get_spark()
        if not is_connect(session):
            return session.sparkContext
    return original(conf)


def _start_for_node(original: Callable[[], None], thread: threading.Thread) -> None:
    work = _for_node(thread.run, thread.name)
    if work is not None:
        thread.run = work  # type: ignore[method-assign]
    original()


def _submit_for_node(
    original: Callable[..., Any], pool: Any, call: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    # A pool may outlive the node that has made it, and with it its threads.
    work = _for_node(functools.partial(call, *args, **kwargs), pool._thread_name_prefix)
    return original(call, *args, **kwargs) if work is None else original(work)


def _ask_for_node(
    original: Callable[..., Any], pool: Any, call: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    # A pool of processes has the same methods; what it is given goes to them by pickle.
    of_threads = getattr(sys.modules["multiprocessing.pool"], "ThreadPool", ())
    work = _for_node(call) if isinstance(pool, of_threads) else None
    return original(call if work is None else work, *args, **kwargs)


def _for_node(work: Callable[..., Any], thread_name: str = "") -> Callable[..., Any] | None:
    """Return what does some work of the present node on another thread; None if there is none."""
    # Threads of our own are given what they need.
    of_node = current_jobs() is not None and not thread_name.startswith("sparkpipe-")
    provider = _provider() if of_node else None
    if provider is None:
        return None
    from sparkpipe.spark.session import activated_here

    adopted = adopt(work)

    def working(*args: Any, **kwargs: Any) -> Any:
        with activated_here(provider):
            return adopted(*args, **kwargs)

    return working


def _make_view(original: Callable[[str], None], frame: Any, name: str) -> None:
    run, jobs = current_run(), current_jobs()
    ours = isinstance(name, str) and name.startswith("sparkpipe_")  # nobody has another of the name
    if run is None or run.is_over or jobs is None or ours or _is_itself.get():
        original(name)
        return
    session = frame.sparkSession
    with run.views.making(jobs, name, session) as note:
        original(name)
        again = functools.partial(_make_again, frame, name)
        note(View.of_frame(again, frame, is_late=is_connect(session)))


def _make_global_view(original: Callable[[str], None], frame: Any, name: str) -> None:
    original(name)
    run, jobs = current_run(), current_jobs()
    if run is not None and jobs is not None and isinstance(name, str):
        run.names.note_global_view(jobs, name, frame, is_late=is_connect(frame.sparkSession))


def _write(original: Callable[..., Any], writer: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return original(*args, **kwargs)
    finally:
        run = current_run()
        if run is not None and is_in_function():  # what data sets write, they note themselves
            run.pins.forget()


def _make_again(frame: Any, name: str) -> None:
    with answering_itself():
        frame.createOrReplaceTempView(name)


def _register(
    original: Callable[..., Any], functions: Any, name: str, *args: Any, **kwargs: Any
) -> Any:
    found = original(name, *args, **kwargs)
    run, jobs = current_run(), current_jobs()
    if run is not None and jobs is not None:
        meaning = next(iter((*args, *kwargs.values())))
        run.names.note_function(jobs, name, meaning, is_late=is_connect(functions.sparkSession))
    return found


def _choose_database(original: Callable[[str], None], catalog: Any, name: str) -> None:
    original(name)
    run, jobs = current_run(), current_jobs()
    if run is not None and jobs is not None:
        run.names.note_database(jobs, name, is_late=is_connect(catalog._sparkSession))


def _sql(original: Callable[..., Any], session: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
    run, jobs = current_run(), current_jobs()
    if run is None or run.is_over or jobs is None or not isinstance(query, str):
        return _holding(original(query, *args, **kwargs), kwargs)
    made = None if args or kwargs else Statement.read(query)
    if made is not None:
        return _make_view_by_sql(original, session, query, made)
    with run.views.own(jobs, query) as views:
        found = _holding(original(with_own_views(query, views), *args, **kwargs), kwargs)
        if views and is_connect(session):
            run.views.note_reader(found._plan, views)
    if _WRITES.match(query):
        run.pins.forget()
    run.names.note_query(jobs, query, is_late=is_connect(session))
    return found


def _make_view_by_sql(
    original: Callable[[str], Any], session: Any, query: str, made: Statement
) -> Any:
    run, jobs = current_run(), current_jobs()
    assert run is not None
    with run.views.making(jobs, made.name, session) as note, run.views.own(jobs, made.query):
        found = original(query)
        again = functools.partial(original, made.again)
        if not is_connect(session):
            note(View(again, made.query))
        elif made.means:
            note(View(again, made.query, made.means))
        else:
            with answering_itself():
                note(View.of_frame(again, session.table(made.name), is_late=True))
    return found


def _holding(found: Any, kwargs: Any) -> Any:
    """Let a query hold the frames that it names: a Connect client has no more than their text."""
    if kwargs and is_connect(found.sparkSession):
        found._plan._sparkpipe_reads = kwargs
    return found


def _table(original: Callable[[str], Any], owner: Any, name: Any) -> Any:
    run, jobs = current_run(), current_jobs()
    if run is None or jobs is None or not isinstance(name, str) or _is_itself.get():
        return original(name)
    with run.views.own(jobs, name) as views:
        plain = name.strip("`")
        own = views.get(plain.lower())
        if own is None or not own.means:
            return original(name)
        session = owner if hasattr(owner, "sql") else owner._client  # so readers call theirs
        return session.sql(f"TABLE {name}").alias(plain)
