"""What of a text was heard, told by its sound. Pure."""


def part_of(text: str, share: float) -> str:
    """The beginning of a text, by how much of its sound was heard, to the end of a word."""
    if share >= 1:
        return text
    cut = int(len(text) * share)
    kept = text[:cut] if cut >= len(text) or text[cut : cut + 1].isspace() else text[:cut].rpartition(" ")[0]
    return kept.rstrip()
