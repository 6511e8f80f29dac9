import pytest

from keras_vit.errors import reason_of


@pytest.mark.parametrize(
    "error, reason",
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError("\n one\ntwo"), "one"),
        (ValueError(), "ValueError"),
        (ValueError("x" * 1000), "x" * 300),
        (TypeError("No.\n\nconfig={'a': 1}.\n\nException encountered: Why."), "Why."),
        (
            ValueError(
                "Exception encountered when calling Patches.call().\n\n"
                "\x1b[1m5 must divide 8.\x1b[0m\n\nArguments received:\n  • images"
            ),
            "5 must divide 8.",
        ),
    ],
)
def test_the_line_that_tells_is_found(error, reason):
    assert reason_of(error) == reason
