"""What stops the local host before or while it runs."""


class HostError(Exception):
    """Something the person at the keyboard can put right.

    ``problem`` says what happened and where, ``next_step`` what to do about it. The command line prints both and
    leaves with ``exit_code`` (2: wrong argument or app, 3: something missing on this machine).
    """

    def __init__(self, problem: str, next_step: str, *, exit_code: int = 2) -> None:
        super().__init__(f"{problem} {next_step}")
        self.problem = problem
        self.next_step = next_step
        self.exit_code = exit_code
