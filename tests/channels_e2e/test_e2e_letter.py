"""Letters: a PDF in the person's language, and a manifest that names nobody."""

import csv
from pathlib import Path
from typing import Any

from pypdf import PdfReader

from tests.channels_e2e.driving import Person, World

NAME = "Zoraida Quimbaya"


async def test_a_step_is_a_pdf_with_its_line_in_the_manifest(world: World) -> None:
    here = Person(name=NAME, letter="Calle 71 # 5-51; Bogotá; Colombia")
    abroad = Person(name=NAME, letter="12 Long Street; Leeds; United Kingdom")
    creditor, debtors = await world.written_to(["letter"], here, abroad, language="es")
    for debtor, postage, country in zip(debtors, ("national", "international"), ("CO", "GB"), strict=True):
        contact = await debtor.contact(step="aviso-1")
        assert (contact["channel"], contact["status"]) == ("letter", "sent")
        folder, line = printed(world, contact["id"])
        assert (line["postage"], line["country"], line["language"], line["pages"]) == (postage, country, "es", "1")
        words = " ".join(page.extract_text() for page in PdfReader(folder / line["file"]).pages)
        words = " ".join(words.split())
        for part in (
            NAME,
            debtor.person.letter.split(";")[0],
            "Crédito Amable",
            "$125.000",
            f"cuenta {debtor.account}",
        ):
            assert part in words, part
        for told in (line["file"], *line.values()):
            assert not any(secret in told for secret in ("Zoraida", "Quimbaya", "Calle", "Long", "Leeds", "Bogot"))
    (told,) = await world.api.rows(
        "SELECT provider_ref FROM contact_events e JOIN contacts c ON c.id = e.contact_id"
        " WHERE c.creditor = %s AND c.account_id = (SELECT id FROM accounts WHERE creditor = %s AND key = 'A')"
        " AND e.status = 'sent'",
        creditor.key,
        creditor.key,
    )
    _, line = printed(world, (await debtors[0].contact(step="aviso-1"))["id"])
    assert line["sha256"].startswith(told["provider_ref"])


async def test_an_address_that_is_none_goes_on_by_the_next_channel(world: World) -> None:
    debtor = await world.debtor("letter", "email", person=Person(letter="Bogotá"))
    assert [
        (each["channel"], each["status"], each["disposition"]) for each in await debtor.contacts(step="aviso-1")
    ] == [
        ("letter", "failed", "letter_address"),
        ("email", "sent", None),
    ]


def printed(world: World, contact: int) -> tuple[Path, dict[str, Any]]:
    """The folder and the manifest's line of a contact's letter."""
    found = [
        (manifest.parent, line)
        for manifest in (Path(world.api.stack.data) / "letters").glob("*/manifest.csv")
        for line in csv.DictReader(manifest.open(encoding="utf-8"))
        if line["reference"] == str(contact)
    ]
    (only,) = found
    return only
