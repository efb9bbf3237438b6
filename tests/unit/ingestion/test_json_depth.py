"""The depth that brackets tell is the depth of the values, whatever strings hold and wherever chunks part."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melpark.errors import RefusedError
from melpark.ingestion import body as bodies
from melpark.ingestion.body import Body
from melpark.ingestion.json_depth import check_depth

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.text('[]{}"\\é,:', max_size=6) | st.integers(0, 9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('[{"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(VALUES, st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_the_depth_of_brackets_is_that_of_the_values(value: Any, chunk_bytes: int) -> None:
    depth = depth_of(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "CHUNK_BYTES", chunk_bytes)
        body = Body.of(orjson.dumps(value))
        check_depth(body, depth)
        if depth:
            with pytest.raises(RefusedError, match=f"nested deeper than {depth - 1}"):
                check_depth(body, depth - 1)
