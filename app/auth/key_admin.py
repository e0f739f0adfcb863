"""What is checked of a key that is made or changed, by /v1/keys and by `easel keys`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.catalog.catalog import Catalog
from core.errors import InvalidRequest
from core.keys import LIMITS, ApiKey, KeyPolicy
from core.store import IssuedKey, KeyStore


@dataclass(frozen=True, slots=True)
class KeyAdmin:
    """Raises ValidationError or InvalidRequest for what no key of this server can be, NotFound for a key that is none.

    The catalogue is read only for a policy that names models or adapters: there may be keys before there is one.
    """

    keys: KeyStore
    catalog: Callable[[], Catalog]

    def create(self, policy: Mapping[str, Any], *, expires_in: float | None = None) -> IssuedKey:
        """A new key, good for `expires_in` seconds."""
        return self.keys.create(self._checked(policy), expires_in=expires_in)

    def change(self, key_id: str, changes: Mapping[str, Any]) -> ApiKey:
        """What is not named stays; None takes a limit away, and leaves what every key must have."""
        kept = self.keys.find(key_id).model_dump(include=set(KeyPolicy.model_fields))
        wanted = {name: value for name, value in changes.items() if value is not None or name in LIMITS}
        return self.keys.edit(key_id, self._checked(kept | wanted))

    def _checked(self, fields: Mapping[str, Any]) -> KeyPolicy:
        policy = KeyPolicy.model_validate(fields)
        known = (
            {name: model.id for model in self.catalog().models for name in (model.id, *model.aliases)}
            if policy.models
            else {}
        )
        for name in policy.models:
            if name not in known:
                raise InvalidRequest(
                    f"there is no model '{name}' here; there is {', '.join(known)}",
                    code="model_not_found",
                    param="models",
                )
        adapters = [each.id for each in self.catalog().adapters] if policy.adapters else []
        for adapter_id in policy.adapters:
            if adapter_id not in adapters:
                raise InvalidRequest(
                    f"there is no adapter '{adapter_id}' here; there is {', '.join(adapters) or 'none'}",
                    code="adapter_not_found",
                    param="adapters",
                )
        return policy.evolve(models=tuple(dict.fromkeys(known[name] for name in policy.models)))
