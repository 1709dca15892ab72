"""Sessions of one slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparkpipe.errors import ConfigError
from sparkpipe.project.context import configuration
from sparkpipe.session.parts import sister_of
from sparkpipe.slices.asking import Combination, Given, combinations, name_of, read_asked, texts_of
from sparkpipe.slices.declaring import read_steps
from sparkpipe.slices.steps import Steps

if TYPE_CHECKING:
    from sparkpipe.session.session import Session


def steps_of(session: Session) -> Steps:
    """Return the slices that a project declares, by name.

    Raises:
        ConfigError: ``slices.yml`` is wrong.
    """
    return read_steps(configuration(session.config_loader, "slices"))


def with_choices(session: Session, slices: Combination) -> Session:
    """Return a session of a slice.

    Args:
        session: A session.
        slices: What is chosen; it takes the place of what the session has of these names.
    """
    other = sister_of(session)
    other.slice_choices = {**session.slice_choices, **slices}
    return other


def choose_one(session: Session, slices: Given) -> Combination:
    """Return the one slice that is asked for.

    Raises:
        ConfigError: There is none, or more than one.
    """
    asked = read_asked(slices, steps_of(session))
    chosen = combinations(asked)
    if len(chosen) != 1 or asked.states:
        names = [name_of(texts_of(one)) for one in chosen[:2]]
        raise ConfigError(
            f"These are {len(chosen)} slices ({', '.join(names)}, ...), and a session is of one.",
            hint="Give one of each, or run them: session.run(slices=...).",
        )
    return chosen[0]
