"""Children that go wrong: what the parent says of them."""

import pytest

from endcap.errors import ResourceError
from endcap.jobs.children import run_child
from endcap.seams import no_progress


def test_a_child_that_ends_before_it_has_read_its_request_is_told_of() -> None:
    """A request larger than a pipe holds: what was not read is in the way when the pipe is closed."""
    with pytest.raises(ResourceError, match=r"The work was ended with status 0 .* Give it more\."):
        run_child(
            "endcap.errors",
            b"x" * (1 << 20),
            doing="The work",
            progress=no_progress,
            cancelled=lambda: False,
            fix="Give it more.",
        )
