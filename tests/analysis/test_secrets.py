"""Secrets are found wherever they stand, shown by their last characters only, and nothing else is called one."""

import json

import pytest

from app.analysis import secrets
from app.analysis.base import Analysis
from tests.analysis.making import agent, call, person, thread

SAID = [
    ("my key is sk-proj-9aZ3kQ81mNfake77TestOnly", "sk-proj-9aZ3kQ81mNfake77TestOnly"),
    ("use sk-ant-api03-FAKE00test11only22-AA please", "sk-ant-api03-FAKE00test11only22-AA"),
    ("stripe: rk_live_0FAKE1TEST2ONLY3", "rk_live_0FAKE1TEST2ONLY3"),
    ("github_pat_11FAKE0000test_ABCDEF123456", "github_pat_11FAKE0000test_ABCDEF123456"),
    ("the gitlab one is glpat-FAKE-test-0000-abcd", "glpat-FAKE-test-0000-abcd"),
    ("slack bot: xoxb-000000-FAKE-TESTtoken99", "xoxb-000000-FAKE-TESTtoken99"),
    ("AKIAFAKE00TEST11ONLY", "AKIAFAKE00TEST11ONLY"),
    ("google AIzaFAKE0000test-only_1234567890abcde", "AIzaFAKE0000test-only_1234567890abcde"),
    ("hf_FAKEtoken00testonly11abc", "hf_FAKEtoken00testonly11abc"),
    ("sendgrid SG.FAKE00test11.only22fake33test44", "SG.FAKE00test11.only22fake33test44"),
    ("bot 123456789:FAKE_test-only-0123456789abcdefghij", "123456789:FAKE_test-only-0123456789abcdefghij"),
    (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmYWtlIn0.c2lnbmF0dXJlX2Zha2U",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmYWtlIn0.c2lnbmF0dXJlX2Zha2U",
    ),
    ("password is Blue-Fake-Whale7", "Blue-Fake-Whale7"),
    ("user shop-bot password N0t-Real-55! folder /in", "N0t-Real-55!"),
    ("pw: Winter2026fake", "Winter2026fake"),
    ("the password for the mail account is Fake!Robin8.", "Fake!Robin8"),
    ("Das Passwort lautet Nur-Zum-Test-42", "Nur-Zum-Test-42"),
    ("Kennwort: Regenbogen99x, Benutzer kasse", "Regenbogen99x"),
    ("la contraseña es Falsa-2026-xy", "Falsa-2026-xy"),
    ("clave: Prueba_778_no", "Prueba_778_no"),
    ("le mot de passe est Faux-Pass-31", "Faux-Pass-31"),
    ("mdp : Essai2026faux", "Essai2026faux"),
    ("api key: 9f8e7d6c5b4aFAKE", "9f8e7d6c5b4aFAKE"),
    ("der API-Schlüssel ist test77fakeAB12cd", "test77fakeAB12cd"),
    ("token = tk_fake_00112233445566", "tk_fake_00112233445566"),
    ("clé API : faux-11aa22bb33cc", "faux-11aa22bb33cc"),
    ("db is mysql://app:Fake-Pw-909@db.shop.test:3306/orders", "Fake-Pw-909"),
    ("ftp://bot:fakepass@files.test/in", "fakepass"),
    ("login: anna / Fake-Sesam-12", "Fake-Sesam-12"),
    ("call https://api.meteo.test/v1?city=Lyon&appid=00fake11test22only33", "00fake11test22only33"),
    ("Anmeldung lager.nord / Fake-Kiste!42", "Fake-Kiste!42"),
    ("log in as anna with Fake-Wort-9x", "Fake-Wort-9x"),
    ("basic auth is anna:Fake-Wort-9x", "Fake-Wort-9x"),
    ("from the note: svc.scan / fake/Only+Test77abcdefgh0000", "fake/Only+Test77abcdefgh0000"),
    ("mysql -u root -pFakeRoot99! shop", "FakeRoot99!"),
    ("secret=Fake+/9aabbccdd==", "Fake+/9aabbccdd=="),
    ("Password (for the portal) = Fake-77-xx", "Fake-77-xx"),
    ("pwd 'Fake 77 xx'", "Fake 77 xx"),
    ("the key we got is fake1234abcd5678efgh", "fake1234abcd5678efgh"),
    ("le jeton c'est faux-99aa88bb77", "faux-99aa88bb77"),
    ("access code is FAKE-8841-XZ", "FAKE-8841-XZ"),
    ("header is Authorization: Bearer fake.token-0099aabbcc", "fake.token-0099aabbcc"),
]
INNOCENT = [
    "use YOUR_API_KEY here",
    "set API_KEY=your-api-key-here in the file",
    "Authorization: Bearer <token>",
    "Authorization: Bearer $SHOP_TOKEN",
    "token: ${{ secrets.DEPLOY_TOKEN }}",
    "export OPENAI_API_KEY=sk-...",
    "password: ********",
    "password is required",
    "the password field must be at least 12 characters",
    "Das Passwort ist abgelaufen",
    "la contraseña es obligatoria",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "id 123e4567-e89b-12d3-a456-426614174000",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "matter 2026-118, invoice KR-7781, payout po_test_0931",
    "the key is column 3 of the table",
    "primary key: order_id_2026",
    "next_page_token=CAoQAA77abc123",
    "max_tokens: 4096",
    "tracking key: DPD-0912345678",
    "issue key: SHOP-1234",
    "api_key = os.environ['SHOP_KEY_2']",
    "password=getpass.getpass()",
    "postgresql://app:${DB_PASSWORD}@db.test/shop",
    "mail anna@example.com or call +49 30 1234567",
    "the token was revoked on 2026-10-04T08:00",
    "read the key from /etc/ssl/private/shop.pem",
    "the account team and Report-2026 are ready",
    "the customer key is KD-2026-0071",
    "access to room 2.14 and Halle7-Nord",
    "docker run -p 8080:80 nginx",
    "passwords / 2FA: see Wiki-Page7",
    "user stories and Q3-2026 plan",
    "sk-learn version 1.5 and sk-learn-contrib",
    "https://hooks.example.com/list?page=2&sort=desc",
]


def found(of):
    return [secret.value for secret in secrets.scan(of)]


@pytest.mark.parametrize(("text", "secret"), SAID)
def test_a_secret_in_the_persons_words_is_found(text, secret):
    assert found(thread(person(text))) == [secret]


@pytest.mark.parametrize(("text", "secret"), SAID)
def test_what_is_shown_has_the_last_four_characters_only(text, secret):
    [finding] = secrets.stage(thread(person(text)), Analysis())
    told = json.dumps([finding.value, [one.excerpt for one in finding.evidence]], ensure_ascii=False)
    assert finding.value["masked"].endswith(secret[-4:])
    assert secret[-5:] not in told


@pytest.mark.parametrize("text", INNOCENT)
def test_what_opens_nothing_is_no_secret(text):
    assert found(thread(person(text))) == []
    assert found(thread(agent(text, call("bash", output=text, command=text)))) == []


def test_an_access_key_and_its_secret_are_both_found():
    said = "aws: AKIAFAKE00TEST11ONLY wJalrFAKE/K7MDENG/bPxRfiCYFAKEKEY1"
    assert found(thread(person(said))) == ["AKIAFAKE00TEST11ONLY", "wJalrFAKE/K7MDENG/bPxRfiCYFAKEKEY1"]


def test_a_long_secret_is_found_to_its_end():
    value = "Fake9" + "aB3x" * 200
    assert found(thread(person(f"token={value} thanks"))) == [value]


def test_a_secret_is_found_in_arguments_outputs_and_attachments_once():
    value = "ghp_FAKE00test11only22abcd"
    said = thread(
        person("here", "notes.env", content=f"GITHUB_TOKEN={value}"),
        agent("", call("bash", output=f"using {value}", command=f"TOKEN='{value}' ./run.sh")),
    )
    assert found(said) == [value]


@pytest.mark.parametrize(
    ("made", "secret"),
    [
        (call("bash", command="SFTP_PASSWORD='Fake-Sea-88' ./sync.sh"), "Fake-Sea-88"),
        (call("bash", command="curl -u bot:Fake-Pw-31 https://x.test"), "Fake-Pw-31"),
        (call("http_request", url="https://x.test", headers={"X-Api-Key": "fake00112233aabb"}), "fake00112233aabb"),
        (call("connect", host="x.test", password="Fake-Moon-17"), "Fake-Moon-17"),
        (call("read_file", output='{"client_secret": "fake_99aa88bb77cc66"}', path="c.json"), "fake_99aa88bb77cc66"),
        (
            call("read_file", output="-----BEGIN PRIVATE KEY-----\nMIIfakefakefake0000\n-----END PRIVATE KEY-----"),
            "MIIfakefakefake0000",
        ),
    ],
)
def test_a_secret_in_a_call_is_found(made, secret):
    assert found(thread(person("go"), agent("", made))) == [secret]


def test_the_key_of_the_documentation_is_no_secret() -> None:
    said = "the docs have `ACCESS_KEY=AKIAIOSFODNN7EXAMPLE` and `SECRET=your-secret-here`, do we need it?"
    assert list(secrets.in_text(said, True)) == []
