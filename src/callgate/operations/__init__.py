"""What an operator may ask, each verb once: validate, authorise, do, record."""
