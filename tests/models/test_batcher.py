"""The batcher: which items share a call, and who gets its error."""

import asyncio

import pytest

from gsim_env.models.batching import Batcher


def together(batcher, *items):
    async def main():
        return await asyncio.gather(*map(batcher, items), return_exceptions=True)

    return asyncio.run(main())


@pytest.mark.parametrize("in_loop", [True, False])
def test_concurrent_items_share_one_call(in_loop):
    batches = []

    def double(items):
        batches.append(items)
        return [2 * item for item in items]

    assert together(Batcher(double, in_loop=in_loop), 1, 2, 3) == [2, 4, 6]
    assert batches == [[1, 2, 3]]


@pytest.mark.parametrize("in_loop", [True, False])
def test_an_error_reaches_every_caller(in_loop):
    def fail(items):
        raise ValueError(f"{len(items)} items")

    results = together(Batcher(fail, in_loop=in_loop), 1, 2)
    assert [repr(error) for error in results] == ["ValueError('2 items')"] * 2


@pytest.mark.parametrize("in_loop", [True, False])
def test_a_wrong_number_of_results_is_an_error(in_loop):
    first, second = together(Batcher(lambda items: items[:1], in_loop=in_loop), 1, 2)
    assert "1 results for a batch of 2 items" in str(first) == str(second)
