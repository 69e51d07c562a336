"""Python's own audio arithmetic, in C: removed from the standard library in 3.13, kept alive as a package."""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="'audioop' is deprecated", category=DeprecationWarning)
    import audioop

__all__ = ["audioop"]
