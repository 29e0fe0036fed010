"""Reads a configuration file: YAML that must fit a model, or an error that names the place."""

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from policy.errors import SendaError

Config = TypeVar("Config", bound=BaseModel)


def read_config(path: Path, model: type[Config], area: Literal["channels", "processors"]) -> Config:
    """What the file of an area says. Raises `SendaError`: `{area}.no_file`, `{area}.bad_config`."""
    setting = f"SENDA_{area.upper()}_FILE"
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise SendaError(f"{area}.no_file", f"the file of {area} {path} cannot be read", setting) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise SendaError(f"{area}.bad_config", f"{path} is no YAML", setting) from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SendaError(f"{area}.bad_config", f"{path}: {place}: {first['msg']}", place) from None
