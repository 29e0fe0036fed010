"""What debtors read: the templates that are here, and the preview of one with nobody's data."""

import asyncio
from itertools import product
from typing import Self, get_args

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator

from api.context import Reader, RefusalsRecorded
from api.problems import Problem
from api.shapes import Shape, Slug, Words
from channels.approved import body_of
from channels.samples import Sample, moment_of, sample_permit, sample_values
from channels.segments import segments_of
from channels.template_check import check_template
from channels.template_language import Language, Level, Purpose
from channels.templating import (
    Template,
    label_of,
    load_template,
    own_of,
    read_template,
    source_of,
    template_names,
    variant_of,
    version_of,
)
from channels.texts import write
from journey.playbook import Channel, Stage, Tone
from ledger.errors import NotFound
from policy.errors import SendaError

router = APIRouter(
    prefix="/v1/templates",
    route_class=RefusalsRecorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    tags=["templates"],
)

LONGEST = 6_000
"""Characters of a source: several times the longest that comes with Senda."""

_ONE = asyncio.Semaphore(1)
"""A check takes a processor for up to some seconds: one at a time, beside the other requests."""


class TemplateText(BaseModel):
    """One source: the language and the channels that it serves."""

    template: str = Field(examples=["overdue.es.sms"])
    language: Language
    channels: list[Channel]
    version: str = Field(description="sha256 of the source; a contact's `template` names it")


class TemplateOut(BaseModel):
    """A template in all its languages and forms."""

    name: str = Field(examples=["overdue"])
    purpose: Purpose
    languages: list[Language]
    channels: list[Channel]
    texts: list[TemplateText]


class PreviewIn(Shape):
    """What to show: a template that is here, or a source; and to whom, who is nobody."""

    template: Slug | None = Field(default=None, examples=["overdue"])
    source: str | None = Field(
        default=None, max_length=LONGEST, examples=[None], description="instead of a template: judged for its channel"
    )
    language: Language = "es"
    channel: Channel = "email"
    tone: Tone = "friendly"
    stage: Stage | None = Field(default=None, examples=["administrative"], description="none: the template's own")
    days_past_due: int | None = Field(default=None, ge=-366, le=9999, examples=[12])
    accounts: int = Field(default=1, ge=1, le=6, examples=[1], description="how many accounts the message is about")
    sender: Words | None = Field(
        default=None, examples=[None], description="who writes for the creditor; none: the creditor"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.template is None) == (self.source is None):
            raise ValueError("say template or source, one of both")
        return self


class FindingOut(BaseModel):
    """Something wrong with a template; `line` of its source."""

    level: Level
    code: str = Field(examples=["no_stop"])
    line: int | None
    message: str


class SegmentsOut(BaseModel):
    """How many SMS it takes; `units` are septets (gsm-7) or UTF-16 code units (ucs-2)."""

    encoding: str = Field(examples=["gsm-7"])
    units: int
    segments: int


class ApprovedOut(BaseModel):
    """A WhatsApp text as it is submitted to Meta, and the values of its variables here."""

    name: str = Field(examples=["senda_overdue"])
    language: str = Field(examples=["pt_BR"])
    body: str
    variables: list[str]
    values: list[str]


class PreviewOut(BaseModel):
    """A message to nobody. Without `text`: it cannot be filled, and the findings say why."""

    version: str
    findings: list[FindingOut]
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    segments: SegmentsOut | None = None
    approved: ApprovedOut | None = None


@router.get("")
async def list_templates(actor: Reader) -> list[TemplateOut]:
    """The templates that are here. Steps may name those of purpose `collection`."""
    return [_listed(name) for name in sorted(template_names())]


@router.post("/preview")
async def preview_template(body: PreviewIn, actor: Reader) -> PreviewOut:
    """What a template says, with the values of nobody, and what is wrong with it. Nothing is kept or sent."""
    async with _ONE:
        return await asyncio.to_thread(_preview, body)


def _listed(name: str) -> TemplateOut:
    languages, channels = get_args(Language), get_args(Channel)
    texts: dict[str, TemplateText] = {}
    for language, channel in product(languages, channels):
        used = load_template(name, language, channel)
        text = TemplateText(template=used.label, language=language, channels=[], version=used.version)
        texts.setdefault(used.label, text).channels.append(channel)
    return TemplateOut(
        name=name,
        purpose=load_template(name, "es").purpose,
        languages=list(languages),
        channels=list(channels),
        texts=list(texts.values()),
    )


def _preview(body: PreviewIn) -> PreviewOut:
    name = own = body.template or "preview"
    variant, source = variant_of(body.channel), body.source
    if source is None:
        if name not in template_names():
            raise NotFound("template.unknown", f"there is no template {name}", "template")
        own, variant = own_of(name, body.language, body.channel)
        source = source_of(own, body.language, variant)
    found = check_template(own, body.language, source, variant)
    findings = [FindingOut.model_validate(finding, from_attributes=True) for finding in found]
    answer = PreviewOut(version=version_of(source), findings=findings)
    try:
        return _filled(answer, body, name, read_template(label_of(own, body.language, variant), source, variant))
    except SendaError:
        return answer  # the findings say what is wrong with it


def _filled(answer: PreviewOut, body: PreviewIn, name: str, used: Template) -> PreviewOut:
    stage, days = moment_of(name, body.stage, body.days_past_due)
    sample: Sample = {"tone": body.tone, "stage": stage, "days_past_due": days, "accounts": body.accounts}
    sample["sender"] = body.sender
    permit = sample_permit(body.language, body.channel, sample)
    values = sample_values(used, body.language, sample, body.channel)
    message = write(permit, used, name, values, sender=body.sender).message
    answer.subject, answer.text, answer.html = message.subject, message.text, message.html or None
    if body.channel == "sms":
        answer.segments = SegmentsOut.model_validate(segments_of(message.text), from_attributes=True)
    if message.approved is not None:
        submitted = body_of(used, name, body.language)
        answer.approved = ApprovedOut(
            name=submitted.name,
            language=submitted.language,
            body=submitted.body,
            variables=list(submitted.variables),
            values=list(message.approved.values),
        )
    return answer
