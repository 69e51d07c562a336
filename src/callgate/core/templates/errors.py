"""What goes wrong between an agent's template and a call."""


class TemplateUnfit(ValueError):
    """The agent's template or its context schema does not fit the call; the message says to its owner why."""
