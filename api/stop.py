"""For debtors: the link in a message that stops its channel, by one click of the mail program or on a small page."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape

from api.context import PartsOf, Recorded
from api.problems import Problem
from ledger import stopping
from ledger.errors import NotFound
from ledger.stopping import Stoppable
from policy.errors import SendaError

router = APIRouter(
    prefix="/v1/stop",
    tags=["debtors"],
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_pages = Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=select_autoescape())


@router.get("/{token}", response_class=HTMLResponse)
async def show_stop(token: str, here: PartsOf) -> HTMLResponse:
    """A page with one button: nothing changes before it is pressed, since mail programs look into links."""
    try:
        what = await stopping.stoppable(here.ledger, _contact(here, token))
    except SendaError:
        return _page(None, is_done=False)
    return _page(what, is_done=False)


@router.post("/{token}", response_class=HTMLResponse)
async def stop(token: str, here: PartsOf) -> HTMLResponse:
    """Stop the channel at once (RFC 8058: the mail program posts here without asking further)."""
    try:
        what = await stopping.stop(here.ledger, _contact(here, token))
    except SendaError:
        return _page(None, is_done=False)
    return _page(what, is_done=True)


def _contact(here: PartsOf, token: str) -> int:
    if here.links is None:
        raise NotFound("link.invalid", "this link is not one of ours, or it is not whole", "token")
    return here.links.contact_of(token)


def _page(what: Stoppable | None, *, is_done: bool) -> HTMLResponse:
    """The page in the person's language; a broken link (404) in Spanish."""
    page = _pages.get_template("stop.html.j2")
    status = 404 if what is None else 200
    return HTMLResponse(page.render(what=what, is_done=is_done), status, headers=_HEADERS)
