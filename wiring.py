"""What the composition roots make of the settings, worker and API alike: the providers, and the links in messages."""

import os

from channels.links import Links
from channels.processors.kinds import Processors, generic_only, read_processors
from channels.providers import Providers, mail_only, read_channels
from settings import Settings


def providers_of(settings: Settings) -> Providers:
    """The providers of this installation; their secrets come from the environment. Errors: `channels.…`."""
    if settings.channels_file is None:
        return mail_only(settings.smtp_url, settings.mail_from)
    return read_channels(settings.channels_file, os.environ, settings.public_url)


def processors_of(settings: Settings) -> Processors:
    """The payment processors of this installation; their secrets come from the environment. Errors: `processors.…`."""
    secret = settings.processor_secret.get_secret_value()
    if settings.processors_file is None:
        return generic_only(secret)
    return read_processors(settings.processors_file, os.environ, settings.public_url, secret)


def links_of(settings: Settings) -> Links | None:
    """The links that messages hold; none where no key seals them."""
    return Links(settings.public_url, settings.link_key.get_secret_value()) if settings.link_key else None
