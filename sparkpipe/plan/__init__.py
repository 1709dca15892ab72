"""What a run will do, and what keeps it from running; worked out before anything runs."""

from sparkpipe.plan.plan import Plan, make_plan, may_be_persisted
from sparkpipe.plan.preflight import find_problems

__all__ = ["Plan", "find_problems", "make_plan", "may_be_persisted"]
