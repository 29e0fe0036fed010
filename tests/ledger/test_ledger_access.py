"""API keys and idempotency keys."""

import asyncio
from uuid import uuid4

import pytest

from ledger.access import Answer, actor_of, claim, create_key, keep_answer, note, revoke_key
from ledger.database import Ledger
from ledger.errors import Conflict, NotFound


async def test_a_key_opens_for_its_holder(ledger: Ledger) -> None:
    key_id, token = await create_key(ledger, "núcleo", "processor")
    actor = await actor_of(ledger, token)
    assert actor is not None
    assert (actor.key_id, actor.name, actor.role) == (key_id, "núcleo", "processor")


@pytest.mark.parametrize("token", ["", "senda_made_up"])
async def test_an_unknown_key_opens_for_nobody(ledger: Ledger, token: str) -> None:
    assert await actor_of(ledger, token) is None


async def test_a_revoked_key_opens_for_nobody(ledger: Ledger) -> None:
    key_id, token = await create_key(ledger, "ex", "operator")
    await revoke_key(ledger, key_id)
    assert await actor_of(ledger, token) is None


async def test_a_key_that_nobody_made_cannot_be_revoked(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        await revoke_key(ledger, "made-up")


async def test_the_token_itself_is_kept_nowhere(ledger: Ledger) -> None:
    key_id, token = await create_key(ledger, "núcleo", "operator")
    async with ledger.transaction() as tx:
        kept = await (await tx.execute("SELECT * FROM api_keys WHERE id = %s", [key_id])).fetchone()
    assert token not in str(kept)


class TestAnIdempotencyKey:
    @pytest.fixture
    def key(self) -> str:
        return uuid4().hex

    async def test_used_first_is_claimed(self, ledger: Ledger, key: str) -> None:
        assert await claim(ledger, "a", "POST /x", key, "digest") is None

    async def test_used_again_gets_the_first_answer(self, ledger: Ledger, key: str) -> None:
        await claim(ledger, "a", "POST /x", key, "digest")
        await keep_answer(ledger, "a", "POST /x", key, Answer(201, {"n": 1}))
        assert await claim(ledger, "a", "POST /x", key, "digest") == Answer(201, {"n": 1})

    async def test_used_for_another_request_is_a_conflict(self, ledger: Ledger, key: str) -> None:
        await claim(ledger, "a", "POST /x", key, "digest")
        with pytest.raises(Conflict) as refused:
            await claim(ledger, "a", "POST /x", key, "another")
        assert refused.value.code == "idempotency.key_reused"

    async def test_of_another_actor_or_route_is_another_key(self, ledger: Ledger, key: str) -> None:
        await claim(ledger, "a", "POST /x", key, "digest")
        await keep_answer(ledger, "a", "POST /x", key, Answer(201, {}))
        assert await claim(ledger, "b", "POST /x", key, "other") is None
        assert await claim(ledger, "a", "POST /y", key, "other") is None

    async def test_whose_answer_never_came_may_be_claimed_again(self, ledger: Ledger, key: str) -> None:
        claims = await asyncio.gather(*(claim(ledger, "a", "POST /x", key, "digest") for _ in range(4)))
        assert claims == [None] * 4


async def test_the_audit_trail_takes_commands_and_refusals_of_nobody_known(ledger: Ledger) -> None:
    action = f"POST /{uuid4().hex}"
    await note(ledger, None, action, None, 401, "auth.missing")
    async with ledger.transaction() as tx:
        (line,) = await (await tx.execute("SELECT * FROM audit WHERE action = %s", [action])).fetchall()
    assert (line["actor"], line["role"], line["status"], line["code"]) == ("unknown", None, 401, "auth.missing")
