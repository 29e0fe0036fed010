"""The link that stops a channel: at once, for the creditor that wrote, and again it changes nothing."""

import pytest

from ledger.database import Ledger
from ledger.errors import NotFound
from ledger.permits import Refusal
from ledger.stopping import stop, stoppable
from tests.ledger.given import Given
from tests.ledger.ways import asked, creditor, debt, notice, permitted, sent, wrote


@pytest.fixture
async def given(ledger: Ledger) -> Given:
    """Account A, whose notices of days 1 and 12 go by text message or else by e-mail."""
    given = await creditor(ledger, notice(1, "sms", "email"), notice(12, "sms", "email"))
    await given.imported(debt(given))
    return given


async def said(given: Given) -> list[tuple[str, str, str, str]]:
    """What the person said of channels: channel, value, how, and who recorded it."""
    query = (
        "SELECT channel, value, origin, actor FROM preferences WHERE creditor = %s AND subject = 'channel' ORDER BY id"
    )
    return [(row["channel"], row["value"], row["origin"], row["actor"]) for row in await given.all(query, given.key)]


async def test_the_link_says_what_it_stops_and_changes_nothing_by_being_looked_at(given: Given) -> None:
    permit = await sent(given)
    what = await stoppable(given.ledger, permit.contact_id)
    assert (what.channel, what.creditor, what.creditor_name, what.language) == (
        "sms",
        given.key,
        "Crédito Amable",
        "es",
    )
    assert await said(given) == []


async def test_it_stops_the_channel_at_once(given: Given) -> None:
    permit = await sent(given)
    await stop(given.ledger, permit.contact_id)
    assert await said(given) == [("sms", "revoked", "sms", "debtor")]
    assert (await permitted(given)).channel == "email"


async def test_pressed_again_it_changes_nothing(given: Given) -> None:
    permit = await sent(given)
    for _ in range(3):
        await stop(given.ledger, permit.contact_id)
    assert len(await said(given)) == 1


async def test_it_stops_no_other_creditors_messages(given: Given, ledger: Ledger) -> None:
    other = await creditor(ledger, notice(8, "sms"))
    await other.imported(debt(other, "X", person=f"{given.key}-p"))
    await stop(given.ledger, (await sent(given)).contact_id)
    assert await said(other) == []
    assert (await permitted(other, "X")).channel == "sms"


async def test_it_stops_all_of_the_persons_accounts_at_the_creditor(given: Given) -> None:
    await given.imported(debt(given, "B", addresses={"sms": "+573000000001"}, authorised_channels=["sms"]))
    permit = await sent(given)
    await stop(given.ledger, permit.contact_id)
    answer = await asked(given, "B")
    assert isinstance(answer, Refusal)
    assert answer.until is None


async def test_after_a_new_authorisation_it_stops_again(given: Given) -> None:
    permit = await sent(given)
    await stop(given.ledger, permit.contact_id)
    await given.says(f"{given.key}-p", {("channel", "sms"): "authorised"}, document="formulario-7")
    await stop(given.ledger, permit.contact_id)
    assert [value for _, value, _, _ in await said(given)] == ["revoked", "authorised", "revoked"]


async def test_a_number_that_is_no_message_of_ours_stops_nothing(given: Given) -> None:
    inbound = await wrote(given, address="+573001111111")
    await given.clock((await given.due_contact(given.journey("A"))).due)
    await sent(given)
    refused = await given.dials("A", "sms")
    assert (inbound is not None, refused.allowed) == (True, False)
    for number in (0, 10**17, refused.contact_id):
        with pytest.raises(NotFound) as error:
            await stop(given.ledger, number)
        assert error.value.code == "link.invalid"
    assert await said(given) == []
