"""The tools of an agent: what a model may have done for it while it talks."""
