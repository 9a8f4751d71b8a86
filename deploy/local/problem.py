"""What stops the stack: one sentence that says what happened and what to do."""


class CannotGoOn(Exception):
    """The stack cannot start, or cannot stay up."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
