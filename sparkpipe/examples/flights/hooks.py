"""Shows a table of results when a run has ended well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparkpipe.hooks import hook_impl

if TYPE_CHECKING:
    from sparkpipe.io import DataCatalog
    from sparkpipe.pipeline.node import Node


class ShowResults:
    """Prints the airlines with the longest delays, and how good the model is."""

    def __init__(self) -> None:
        self._made: set[str] = set()

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Begin anew."""
        self._made.clear()

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Take note of what was made: of a pipeline some nodes may not have run."""
        self._made.update(node.outputs)

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], catalog: DataCatalog) -> None:
        """Print what this run has made."""
        if run_params["runner"] == "DryRunner":
            return
        made = self._made
        if "delays_by_airline" in made:
            table = catalog["delays_by_airline"].load()
            rows = table.orderBy(table.mean_arr_delay.desc()).limit(5).collect()
            print(f"\n{'airline':<28}{'flights':>9}{'mean delay':>12}{'late':>7}")
            for row in rows:
                late = f"{row.share_late:.0%}"
                delay = f"{row.mean_arr_delay:.1f} min"
                print(f"{row.airline:<28}{row.flights:>9,}{delay:>12}{late:>7}")
        if "evaluation" in made:
            scores = catalog["evaluation"].load()
            print(
                f"\nDelay model: ROC AUC {scores['roc_auc']:.3f} on {scores['rows']:,} flights "
                f"that it had not seen ({scores['share_late']:.0%} of them late)."
            )
        if made & {"delays_by_airline", "evaluation"}:
            print()
