"""``--slice day=2024-01-01..2024-01-31``: which slices are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from itertools import product
from math import prod
from typing import Any, TypeAlias

from sparkpipe.errors import ConfigError, did_you_mean
from sparkpipe.slices.steps import MOST, Calendar, Choice, Step, Steps, text_of, too_many

#: States that may stand in the place of a slice: all slices that are in it.
STATES = ("missing", "failed", "stale")

Given: TypeAlias = "str | Iterable[str] | Mapping[str, Any]"

#: The choice for each name.
Combination: TypeAlias = Mapping[str, Choice]


@dataclass(frozen=True)
class Asked:
    """What was asked for.

    Attributes:
        choices: The slices by name.
        states: Only those that are in one of these states; empty for all.
    """

    choices: Mapping[str, tuple[Choice, ...]]
    states: frozenset[str] = frozenset()


def read_asked(given: Given, steps: Steps, now: datetime | None = None) -> Asked:
    """Return the slices that are asked for.

    Args:
        given: ``name=slices``, one or more; or slices by name. Slices are texts, with commas
            between them: dates or values, ranges ``a..b``, ``last``, or the name of a state.
        steps: Which slices there are.
        now: What is over is over before it; by default the present.

    Raises:
        ConfigError: There are no such slices.
    """
    now = now or datetime.now(timezone.utc)
    choices: dict[str, tuple[Choice, ...]] = {}
    states: set[str] = set()
    for name, text in _pairs(given):
        step = known_step(name, steps)
        if name in choices:
            raise ConfigError(
                f"Slices of '{name}' are given twice.",
                hint=f"Give them at once: {name}=a,b.",
            )
        words = [word.strip() for word in text.split(",")]
        of_states = [word for word in words if word in STATES]
        if not of_states:
            choices[name] = tuple(_read(words, step, now))
        elif len(of_states) < len(words):
            raise ConfigError(
                f"{name}={text} has states and slices.", hint="Give one or the other."
            )
        else:
            states.update(of_states)
            choices[name] = tuple(step.over(now))
    if not choices:
        raise ConfigError("No slice is given.", hint="Write name=value, as in day=2024-01-31.")
    return Asked(choices, frozenset(states))


def combinations(asked: Asked) -> list[Combination]:
    """Return each slice with each of the other names.

    Raises:
        ConfigError: These are too many.
    """
    count = prod(len(choices) for choices in asked.choices.values())
    if count > MOST:
        raise too_many(count, " times ".join(asked.choices))
    return [
        dict(zip(asked.choices, choices, strict=True))
        for choices in product(*asked.choices.values())
    ]


def name_of(slices: Mapping[str, str]) -> str:
    """Return slices as they are asked for.

    >>> name_of({"day": "2024-01-31", "region": "eu"})
    'day=2024-01-31 region=eu'
    """
    return " ".join(f"{name}={text}" for name, text in slices.items())


def texts_of(combination: Combination) -> dict[str, str]:
    """Return the text of each slice by name."""
    return {name: choice.text for name, choice in combination.items()}


def known_step(name: str, steps: Steps) -> Step:
    """Return the slices of a name.

    Raises:
        ConfigError: There are none.
    """
    if name not in steps:
        hint = did_you_mean(name, steps) or (
            f"There are: {', '.join(steps)}." if steps else "Declare it in conf/base/slices.yml."
        )
        raise ConfigError(f"There is no slice '{name}'.", hint=hint)
    return steps[name]


def _pairs(given: Given) -> Iterator[tuple[str, str]]:
    if isinstance(given, Mapping):
        for name, slices in given.items():
            yield str(name), _as_text(slices)
        return
    if not isinstance(given, Iterable):
        raise ConfigError(
            f"Slices are a text or several, not of type {type(given).__name__}.",
            hint="Write 'day=2024-01-31', or {'day': date(2024, 1, 31)}.",
        )
    for pair in (given,) if isinstance(given, str) else given:
        name, separator, text = str(pair).partition("=")
        if not separator or not name.strip() or not text.strip():
            raise ConfigError(
                f"'{pair}' is no slice.", hint="Write name=value, as in day=2024-01-31."
            )
        yield name.strip(), text


def _as_text(slices: Any) -> str:
    if isinstance(slices, Iterable) and not isinstance(slices, (str, Mapping)):
        return ",".join(map(_as_text, slices))
    return slices.isoformat() if isinstance(slices, date) else str(slices)


def _read(words: Iterable[str], step: Step, now: datetime) -> Iterator[Choice]:
    seen: set[str] = set()
    for word in words:
        for choice in _of_word(word, step, now):
            if choice.text in seen:
                raise ConfigError(f"The {step.name} {choice.text} is asked for twice.")
            seen.add(choice.text)
            yield choice


def _of_word(word: str, step: Step, now: datetime) -> Iterable[Choice]:
    if not word:
        raise ConfigError(f"A {step.name} is empty.", hint=f"Write {step.name}=a,b.")
    first, separator, last = (part.strip() for part in word.partition(".."))
    if separator:
        ends = [step.last(now).text if end == "last" else end for end in (first, last)]
        return step.between(*ends)
    if word == "last":
        return (step.last(now),)
    return (step.choose(_cut(word, step)),)


def _cut(word: str, step: Step) -> str:
    """Return the text of a slice of hours from the whole time that a program gives."""
    if isinstance(step, Calendar) and step.unit == "hour" and ":00:00" in word:
        try:
            moment = datetime.fromisoformat(word)
        except ValueError:
            return word
        if moment.tzinfo is not None:
            return text_of(moment.astimezone(step.zone), "hour")
        return moment.isoformat()[:13]
    return word
