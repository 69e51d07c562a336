"""How the tables came to be, one step per file; Alembic walks them at the start."""
