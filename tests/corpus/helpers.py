"""Helpers of the corpus tests."""

from gsim_env.dialogue import Dialogue, Turn


def invert(table: dict[str, list[str]]) -> dict[str, str]:
    """Return the key of each listed value."""
    inverted = {}
    for key, values in table.items():
        inverted |= dict.fromkeys(values, key)
    return inverted


def dialogue(*customer, id="d-1", **more):  # noqa: A002 - the field's name
    """Return a dialogue with these customer turns.

    Each is a text, or (text, stage), or (text, stage, concern).
    """
    turns = []
    for said in customer:
        fields = dict(
            zip(
                ("text", "stage", "concern"),
                (said,) if isinstance(said, str) else said,
                strict=False,
            )
        )
        turns += [
            Turn(role="sales", text="I'm Colin from QuickEats."),
            Turn(role="customer", **fields),
        ]
    return Dialogue(id=id, turns=tuple(turns), **more)
