"""What the CRM refuses, as its HTTP answer says it: nearly everything is a 500, with an error in JSON."""


class Refusal(Exception):
    def __init__(self, message: str, *, code: int = 0, status: int = 500) -> None:
        self.message, self.code, self.status = message, code, status
        super().__init__(message)
