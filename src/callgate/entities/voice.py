"""A voice that calls may ask for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Voice:
    """What calls may name as their `voice`.

    Attributes:
        voice_id: UUID, text; the same wherever a voice of this name is offered.
        name: as the server that speaks knows it; unique.
        models: names of the configured models that have it, in order.
        provider: who speaks: the profile or kind of the first of these models.
        language: BCP 47; ``None``: it speaks several, or nobody said which.
        billed: whether somebody else bills for what it says.
    """

    voice_id: str
    name: str
    models: tuple[str, ...]
    provider: str
    language: str | None = None
    billed: bool = False
