"""A leaf: the root schema, the checks, and the one place where a config becomes objects."""


class UserError(ValueError):
    """What a user can mend: one sentence that names the file or key, what is wrong and what to do. Ends with exit code 2."""
