"""Environment variables as typed settings; read by the composition roots only (`worker.py`, `api/app.py`, `senda/`)."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """Where the parts of an installation are, and its secrets. Every field is `SENDA_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="SENDA_", extra="ignore")

    database_url: str = Field(description="postgresql://user:password@host:port/name, also over a unix socket")
    temporal_address: str = Field(default="127.0.0.1:7233", description="host:port of the engine's frontend")
    temporal_namespace: str = "default"
    payload_keys: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="comma-separated id:base64 of 32-byte AES keys; the first encrypts, all decrypt",
    )
    channels_file: Path | None = Field(
        default=None, description="which provider sends what for whom (YAML); none: e-mail through smtp_url"
    )
    public_url: str = Field(
        default="http://127.0.0.1:8080", description="where providers and debtors reach the API; covered by signatures"
    )
    signing_key: SecretStr | None = Field(
        default=None, description="id:base64 of 32 bytes: signs the root of each day; none: days stay open"
    )
    link_key: SecretStr | None = Field(default=None, description="seals the links in messages; none: no such links")
    feedback_private: bool = Field(
        default=False, description="creditors' webhooks may be in this network, and on this machine over http"
    )
    smtp_url: str = Field(default="smtp://127.0.0.1:1025", description="smtp[s]://[user:password@]host:port")
    mail_from: str = "Cobranza <no-responder@senda.invalid>"
    processor_secret: SecretStr = Field(description="whsec_… of the generic payment processor")
    processors_file: Path | None = Field(
        default=None, description="which payment processors there are (YAML); none: the generic one only"
    )
    admin_key: SecretStr | None = Field(default=None, description="an API key of role admin, made at start")
    api_host: str = "127.0.0.1"
    api_port: int = 8080
    log_level: str = "info"

    @field_validator("payload_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
