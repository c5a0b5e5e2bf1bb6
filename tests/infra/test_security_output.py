"""A last line is quoted in the run's sentence; cut in two, a secret in it would not be found any more."""

from app.core.clock import utc_now
from app.domain.redaction import Redactor
from app.engines.base import Outcome
from app.infra.sandbox_output import Output
from app.services.execution.claims import Claim
from app.services.execution.recorder import Recorder

SECRET = "s3cr3t-of-the-bell"


def test_a_secret_on_the_border_of_what_is_quoted_is_hidden():
    held = Claim(1, 1, 1, 1, 1, 1, "code", utc_now(), utc_now())
    recorder = Recorder(held, Redactor([SECRET]), lambda _: None)
    for before in range(250, 420, 7):
        output = Output(lambda *_: None, 1 << 20)
        output.feed("err", b"x" * before + SECRET.encode() + b" refused\n")
        shown = recorder.hide(Outcome("failed", "exit_code", f"Last line: {output.close()}"))
        assert "s3" not in shown.sentence
        assert len(shown.sentence) <= 400
