"""What somebody orders from the sandbox: JSON of programs, forms of its own page."""

from typing import TypeVar

from fastapi import HTTPException, Request
from pydantic import BaseModel, ValidationError

Order = TypeVar("Order", bound=BaseModel)


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith(("application/x-www-form-urlencoded", "multipart/"))


def require_own_page(request: Request) -> None:
    """A browser may order from the sandbox's own page only, not from any page that it shows."""
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise HTTPException(403, "Esa orden no viene de esta página.")


async def read_order(request: Request, model: type[Order]) -> Order:
    """The body as a model; empty fields of a form count as left out. Raises HTTPException 422."""
    require_own_page(request)
    try:
        if is_form(request):
            form = await request.form()
            return model.model_validate({name: value for name, value in form.items() if value != "" and name != "back"})
        return model.model_validate_json(await request.body() or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise HTTPException(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


async def way_back(request: Request) -> str:
    """Where a form came from, within this page."""
    back = (await request.form()).get("back", "/")
    return back if isinstance(back, str) and back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
