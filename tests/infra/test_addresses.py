"""Which addresses are inner, what an administrator allows, and what is a web address at all."""

from concurrent.futures import Future

import pytest

from app.infra import fetch
from app.infra.addresses import Allowed, Failure, Guard, Names, is_inner, read_target
from app.settings import SettingError, Settings

INNER = [
    "10.0.0.5", "100.64.0.1", "100.100.100.200", "127.0.0.1", "168.63.129.16", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "0.0.0.0", "::", "::1", "::ffff:8.8.8.8",
    "::ffff:10.0.0.1", "::8.8.8.8", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
    "2002:a00:1::", "2002:7f00:1::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1",
    "ff02::1", "4000::1",
]  # fmt: skip
OUTER = [
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.167.1.1",
    "198.17.1.1", "198.20.0.0", "223.255.255.255", "2606:4700::1111", "2001:4860:4860::8888", "2a00:1450::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INNER)
def test_every_special_address_is_inner(address):
    assert is_inner(address)


@pytest.mark.parametrize("address", OUTER)
def test_public_addresses_are_not(address):
    assert not is_inner(address)


def checked(url, *allowed, found=()):
    guard = Guard(Allowed(allowed), Names(lambda _: list(found)))
    return guard.addresses(read_target(url), 1, Future())


@pytest.mark.parametrize("host", ["10.1", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "169.254.43518"])
def test_numbers_the_system_reads_as_addresses_are_checked_as_such(host):
    with pytest.raises(Failure, match="is an inner address"):
        Guard(Allowed(), Names()).addresses(read_target(f"http://{host}/"), 1, Future())


def test_one_inner_address_among_public_ones_refuses_all():
    assert checked("http://x.example/", found=["8.8.8.8", "2606:4700::1111"]) == ["8.8.8.8", "2606:4700::1111"]
    with pytest.raises(Failure, match=r"x\.example is an inner address"):
        checked("http://x.example/", found=["8.8.8.8", "10.0.0.5"])


@pytest.mark.parametrize(
    ("entry", "url", "is_allowed"),
    [
        ("10.0.0.0/8", "http://10.0.0.5/", True),
        ("10.0.0.1/8", "http://10.0.0.5/", True),
        ("10.0.0.0/8", "http://11.0.0.5/", None),
        ("10.0.0.0/24", "http://10.0.1.5/", False),
        ("10.0.0.5", "http://10.0.0.5:81/", True),
        ("10.0.0.5", "http://10.0.0.6/", False),
        ("10.0.0.5:81", "http://10.0.0.5:81/", True),
        ("10.0.0.5:81", "http://10.0.0.5/", False),
        ("x.example", "http://X.example:9/", True),
        ("X.example", "https://x.example/", True),
        ("x.example:443", "https://x.example/", True),
        ("x.example:443", "http://x.example/", False),
        ("x.example", "http://y.x.example/", False),
        ("fd00::/8", "http://[fd00::1]/", True),
        ("[fd00::1]:81", "http://[fd00::1]:81/", True),
        ("[fd00::1]:81", "http://[fd00::1]/", False),
        ("fd00::1", "http://[fd00::1]/", True),
        ("localhost", "http://127.0.0.1:9/", True),
        ("localhost", "http://[::1]/", True),
        ("localhost", "http://10.0.0.5/", False),
        ("localhost:80", "http://127.0.0.1:9/", False),
        ("127.0.0.0/8", "http://[::ffff:127.0.0.1]/", False),
    ],
)
def test_what_an_administrator_allows(entry, url, is_allowed):
    found = ["10.0.0.77"]
    if is_allowed is False:
        with pytest.raises(Failure, match="is an inner address"):
            checked(url, entry, found=found)
    else:
        assert checked(url, entry, found=found)


@pytest.mark.parametrize("entry", ["http://x.example", "10.0.0.0/33", "x.example:0", "x.example:http", "a b", "*.x"])
def test_a_wrong_entry_is_told_at_the_start(entry, tmp_path):
    with pytest.raises(SettingError, match="CARILLON_ALLOW_HOSTS has"):
        fetch.configure(Settings(data_dir=tmp_path, allow_hosts=(entry,)))


# --- addresses as typed


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com/", "file:///etc/passwd", "gopher://x/", "javascript:alert(1)", "http://",
        "http:///path", "http://exa mple.com/", "http://x:99999/", "http://x:abc/", "http://x:0/", "http://[::1/",
        "http://a..b/", "http://" + "a" * 70 + ".example/", "http://x_y\r\nHost: z/",
        "http://x/a\r\nb", "http://x/\ta", "http://x/\0",
    ],
)  # fmt: skip
def test_what_is_no_web_address_is_told(url):
    with pytest.raises(Failure) as caught:
        read_target(url)
    assert caught.value.reason == "address"
    assert caught.value.message == "Type an address like https://example.com/health."


@pytest.mark.parametrize("url", ["http://example.com@127.0.0.1/", "http://u:p@x.example/", "http://a\\@b/"])
def test_credentials_have_no_place_in_an_address(url):
    with pytest.raises(Failure, match="use a secret"):
        read_target(url)


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("HTTP://Example.COM", "example.com", "/"),
        ("https://example.com:443/a b?q=ü#f", "example.com", "/a%20b?q=%C3%BC"),
        ("http://example.com:443/%20", "example.com:443", "/%20"),
        ("http://bücher.example/?a=1&b=%26", "xn--bcher-kva.example", "/?a=1&b=%26"),
        ("http://[2606:4700::1]:81/x", "[2606:4700::1]:81", "/x"),
        ("http://example.com?q", "example.com", "/?q"),
    ],
)
def test_addresses_are_written_for_the_wire(url, authority, path):
    target = read_target(url)
    assert (target.authority, target.path) == (authority, path)
