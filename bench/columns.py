"""``columns_of``: the feeds of a model with named columns, column by column."""

from __future__ import annotations

from skerry.runtime.feeds import Array, FeedBuilder, Feeds
from skerry.runtime.manifest import Manifest


def columns_of(feeds: Feeds, manifest: Manifest) -> dict[str, Array]:
    """By name, in the order of the inputs; each of shape (rows,)."""
    groups = FeedBuilder(manifest.inputs, manifest.layout).groups
    columns = {
        name: feeds[datatype][:, place] for datatype, names in groups.items() for place, name in enumerate(names)
    }
    return {spec.name: columns[spec.name] for spec in manifest.inputs}
