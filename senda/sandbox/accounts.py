"""The accounts that the sandbox holds for the product: credentials, and where each provider posts what comes back."""

import base64
import json
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from policy.errors import SendaError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TwilioAccount(_Section):
    """`messages_url`: where an SMS that a person writes is posted, `voice_url`: where a call that a person makes is
    (`voice_status_url`: where its end is). What becomes of the product's own messages and calls goes to the addresses
    that it gives with each."""

    account_sid: str
    auth_token: str
    number: str
    messages_url: str | None = None
    voice_url: str | None = None
    voice_status_url: str | None = None


class MetaAccount(_Section):
    """`templates`: the approved templates, name -> language -> text with {{1}}, {{2}} … Where none is given, every
    name is taken to be approved."""

    phone_number_id: str
    number: str
    token: str
    app_secret: str
    webhook_url: str | None = None
    templates: dict[str, dict[str, str]] = Field(default_factory=dict[str, dict[str, str]])


class AggregatorAccount(_Section):
    """`secret` signs callbacks as Standard Webhooks do (`whsec_…`)."""

    token: str
    secret: str
    status_url: str | None = None
    messages_url: str | None = None


class MailAccount(_Section):
    """`webhook_url`: where answers and bounces are posted, whole mails, signed with `secret` (`whsec_…`). `address`: to
    whom a person writes first; without it, whoever wrote to them last."""

    webhook_url: str | None = None
    secret: str | None = None
    address: str | None = None


class PaymentsAccount(_Section):
    """The payment processor: `token` opens its API, `secret` signs its webhooks (`whsec_…`), which go to
    `webhook_url`."""

    token: str
    secret: str
    webhook_url: str | None = None


class Accounts(_Section):
    """A provider without an account here lets nobody in."""

    twilio: TwilioAccount | None = None
    meta: MetaAccount | None = None
    aggregator: AggregatorAccount | None = None
    mail: MailAccount = MailAccount()
    payments: PaymentsAccount | None = None

    @staticmethod
    def read(path: Path) -> "Accounts":
        """From a JSON file. Raises SendaError `sandbox.accounts` for one that is none."""
        try:
            return Accounts.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError) as error:
            raise SendaError("sandbox.accounts", f"{path} is no file of sandbox accounts: {error}") from error

    @staticmethod
    def invented() -> "Accounts":
        """Fresh credentials for all providers; nothing is posted anywhere but where a message asks for it."""
        return Accounts(
            twilio=TwilioAccount(
                account_sid=f"AC{secrets.token_hex(16)}", auth_token=secrets.token_hex(16), number="+576015550100"
            ),
            meta=MetaAccount(
                phone_number_id=str(secrets.randbelow(10**15)).zfill(15),
                number="+576015550101",
                token=f"EAA{secrets.token_urlsafe(24)}",
                app_secret=secrets.token_hex(16),
            ),
            aggregator=AggregatorAccount(token=secrets.token_urlsafe(24), secret=webhook_secret()),
            mail=MailAccount(secret=webhook_secret()),
            payments=PaymentsAccount(token=secrets.token_urlsafe(24), secret=webhook_secret()),
        )


def webhook_secret() -> str:
    """A new secret in the form of Standard Webhooks."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
