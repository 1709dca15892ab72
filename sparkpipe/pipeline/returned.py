"""What a function returned, by the names of the data sets that a node declares as its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from types import AsyncGeneratorType, CoroutineType
from typing import Any

from sparkpipe.errors import PipelineError
from sparkpipe.pipeline.names import Names, show_names

_AWAITED = (CoroutineType, AsyncGeneratorType)


def bind_returned(node: str, outputs: Names, result: Any) -> dict[str, Any]:
    """Assign to each declared output its part of what the function returned.

    Args:
        node: The name of the node, for messages.
        outputs: The names of the outputs in the form in which they were declared.
        result: What the function returned.

    Raises:
        PipelineError: Their number or keys are not those declared.
    """
    if type(result) in _AWAITED:
        raise _never_awaited(node, result)
    if outputs is None:
        return {}
    if isinstance(outputs, str):
        return {outputs: result}
    if isinstance(outputs, dict):
        return _bind_mapping(node, outputs, result)
    if not isinstance(result, (list, tuple)):
        raise PipelineError(
            f"Node '{node}' declares the outputs {show_names(outputs)}, so its function "
            f"must return a list or tuple of {len(outputs)}; "
            f"it returned {type(result).__name__}."
        )
    if len(result) != len(outputs):
        raise PipelineError(
            f"Node '{node}' declares {len(outputs)} outputs {show_names(outputs)}; its "
            f"function returned {len(result)}."
        )
    return dict(zip(outputs, result, strict=True))


def _never_awaited(node: str, result: Any) -> PipelineError:
    kind = "a coroutine" if isinstance(result, CoroutineType) else "an async generator"
    if isinstance(result, CoroutineType):
        result.close()  # else Python warns of it, at some other time
    return PipelineError(
        f"Node '{node}': its function returned {kind}, which nobody awaits. Call asyncio.run in "
        "it, and return what that gives."
    )


def _bind_mapping(node: str, outputs: dict[str, str], result: Any) -> dict[str, Any]:
    if not isinstance(result, Mapping):
        raise PipelineError(
            f"Node '{node}' declares its outputs as a dictionary, so its function must "
            f"return one; it returned {type(result).__name__}."
        )
    missing = [key for key in outputs if key not in result]
    if missing:
        given = ", ".join(map(str, result)) or "none"
        raise PipelineError(
            f"Node '{node}': the returned dictionary lacks the keys "
            f"{', '.join(missing)}; it has {given}."
        )
    return {data_set: result[key] for key, data_set in outputs.items()}
